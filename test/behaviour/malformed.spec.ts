import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { http2Client } from "../support/http2-client.ts";
import { rawSocket } from "../support/raw-socket.ts";
import { newRequest, openCaller } from "./caller.ts";
import { accessLine, type Behaviour, ENGINES, startOverAll } from "./services.ts";
import { wires } from "./wires.ts";

let service: Behaviour;
beforeAll(async () => {
  service = await startOverAll();
});
afterAll(() => service[Symbol.asyncDispose]());

const BASE = "/behaviour.v1.BehaviourService";
/** A task whose text is `hi`, in protobuf. */
const TASK = [0x0a, 2, 0x68, 0x69];
/** A task that promises more than it has. */
const BROKEN = [0x0a, 9, 0x68];

function envelope(flags: number, message: readonly number[], length = message.length): readonly number[] {
  return [flags, 0, 0, 0, length, ...message];
}

afterEach(async () => {
  for (const wire of wires) {
    if (wire.client === "connect-node" && !wire.name.includes("text")) {
      await using caller = openCaller(wire, service);
      expect((await caller.call("unary", { text: "next" })).reports, "the next call").toMatchObject([{ text: "next" }]);
    }
  }
});

test.each([
  ["protobuf", "application/proto", Buffer.from(BROKEN)],
  ["JSON that breaks off", "application/json", Buffer.from('{"text":')],
  ["JSON of another type", "application/json", Buffer.from('{"text": 1}')],
  ["JSON that is no message", "application/json", Buffer.from("[]")],
  ["an encoding of another kind", "application/json; charset=utf-8", Buffer.from([0x7b, 0xff, 0x7d])],
])("has 400 invalid_argument for %s over Connect", async (_what, type, body) => {
  const { requestId, header } = newRequest();
  const response = await fetch(`${service.url}${BASE}/Act`, {
    method: "POST",
    headers: { "content-type": type, ...header },
    body,
  });
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ code: "invalid_argument" });
  expect(await accessLine(service, requestId)).toMatchObject({
    rpc_protocol: "connect",
    rpc_code: "invalid_argument",
    response_status: 400,
  });
});

test.each([
  "connect=v1&encoding=json&message=%7B",
  "connect=v1&encoding=proto&base64=1&message=CgloAA",
  "connect=v1&encoding=proto&base64=1&message=%21%21",
  "connect=v1&encoding=json",
])("has 400 invalid_argument for ?%s", async (query) => {
  const { requestId, header } = newRequest();
  const response = await fetch(`${service.url}${BASE}/Read?${query}`, { headers: header });
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ code: "invalid_argument" });
  expect(await accessLine(service, requestId)).toMatchObject({ rpc_protocol: "connect", rpc_code: "invalid_argument" });
});

const ENVELOPES = [
  { what: "a message that cannot be read", body: envelope(0, BROKEN), code: "internal", status: "13" },
  { what: "a body shorter than its envelope", body: envelope(0, TASK, 9), code: "invalid_argument", status: "3" },
  { what: "half an envelope", body: [0, 0, 0], code: "invalid_argument", status: "3" },
  { what: "a compressed message without its encoding", body: envelope(1, TASK), code: "internal", status: "13" },
  { what: "no message", body: [], code: "unimplemented", status: "12" },
  { what: "two messages", body: [...envelope(0, TASK), ...envelope(0, TASK)], code: "unimplemented", status: "12" },
];

const overEngines = ENGINES.flatMap((engine) => ENVELOPES.map((envelope) => ({ ...envelope, engine })));

test.each(overEngines)(
  "has grpc-status $status for $what over gRPC ($engine)",
  async ({ body, code, status, engine }) => {
    using client = await http2Client(service.urlBy(engine));
    const { requestId, header } = newRequest();
    const head = { ":method": "POST", ":path": `${BASE}/Act`, "content-type": "application/grpc", te: "trailers" };
    const answer = await client.request({ ...head, ...header }, Uint8Array.from(body));
    expect(answer.status).toBe(200);
    expect({ ...answer.headers, ...answer.trailers }).toMatchObject({ "grpc-status": status });
    expect(await accessLine(service, requestId)).toMatchObject({ rpc_protocol: "grpc", rpc_code: code });
  },
);

test.each(ENVELOPES)(
  "has grpc-status $status for $what over gRPC-Web, in both forms",
  async ({ body, code, status }) => {
    for (const form of ["", "-text"]) {
      const { requestId, header } = newRequest();
      const bytes = Buffer.from(body);
      const response = await fetch(`${service.url}${BASE}/Act`, {
        method: "POST",
        headers: { "content-type": `application/grpc-web${form}`, ...header },
        body: form === "" ? bytes : bytes.toString("base64"),
      });
      expect(response.status).toBe(200);
      const answer = Buffer.from(await response.arrayBuffer());
      const text = form === "" ? answer.toString() : Buffer.from(answer.toString(), "base64").toString();
      expect(text).toMatch(new RegExp(`grpc-status: ?${status}\\r\\n`));
      expect(await accessLine(service, requestId)).toMatchObject({ rpc_protocol: "grpc-web", rpc_code: code });
    }
  },
);

test.each(ENVELOPES)("has $code for $what over Connect's streams", async ({ body, code }) => {
  const { requestId, header } = newRequest();
  const response = await fetch(`${service.url}${BASE}/Watch`, {
    method: "POST",
    headers: { "content-type": "application/connect+proto", ...header },
    body: Buffer.from(body),
  });
  expect(response.status).toBe(200);
  expect(
    Buffer.from(await response.arrayBuffer())
      .subarray(5)
      .toString(),
  ).toContain(`"code":"${code}"`);
  expect(await accessLine(service, requestId)).toMatchObject({ rpc_protocol: "connect", rpc_code: code });
});

test.each(["!!!!", "AAAAAAQKAmhp=AAA", "AAAAA", "AAAA====", "A===", "AA A"])(
  "has grpc-status 3 for %s as gRPC-Web text",
  async (body) => {
    const { requestId, header } = newRequest();
    const response = await fetch(`${service.url}${BASE}/Act`, {
      method: "POST",
      headers: { "content-type": "application/grpc-web-text+proto", ...header },
      body,
    });
    expect(Buffer.from(await response.text(), "base64").toString()).toMatch(/grpc-status: ?3\r\n/);
    expect(await accessLine(service, requestId)).toMatchObject({
      rpc_protocol: "grpc-web",
      rpc_code: "invalid_argument",
    });
  },
);

test("has a line about a caller who leaves in the middle of a body, over HTTP/1.1", async () => {
  const { requestId } = newRequest();
  using socket = await rawSocket(service.url);
  const head = [`POST ${BASE}/Act HTTP/1.1`, "host: a", "content-type: application/json", "content-length: 100"];
  await socket.send(`${[...head, `x-request-id: ${requestId}`].join("\r\n")}\r\n\r\n{"text":`);
  socket.socket.destroy();
  expect(await accessLine(service, requestId)).toMatchObject({
    rpc_protocol: "connect",
    rpc_code: "canceled",
    response_status: 499,
    aborted: true,
  });
});

test.each(ENGINES)("has a line about a caller who leaves in the middle of a body, over HTTP/2 (%s)", async (engine) => {
  const { requestId, header } = newRequest();
  using client = await http2Client(service.urlBy(engine));
  const head = { ":method": "POST", ":path": `${BASE}/Act`, "content-type": "application/grpc", te: "trailers" };
  const stream = client.session.request({ ...head, ...header });
  await new Promise((resolve) => stream.write(Uint8Array.from([0, 0, 0]), resolve));
  client.session.destroy();
  expect(await accessLine(service, requestId)).toMatchObject({
    rpc_protocol: "grpc",
    rpc_code: "canceled",
    response_status: 499,
    aborted: true,
  });
});
