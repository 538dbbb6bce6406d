import { once } from "node:events";
import { createClient } from "@connectrpc/connect";
import Koa from "koa";
import { createChannel, currentCall, defineService } from "portico";
import { type LogLine, startTest, type TestApp } from "portico/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NameService } from "../../gen/name/v1/name_pb.js";
import { accessLine, accessLines } from "../support/access.ts";
import { upperCaseNames } from "../support/echo.ts";
import { http2Client } from "../support/http2-client.ts";
import { rawSocket } from "../support/raw-socket.ts";
import { until } from "../support/until.ts";

/** The ids of the requests that wait for an answer that never comes. */
const waiting = new Set<string>();

const service = defineService({
  name: "logged",
  routes: () => [upperCaseNames],
  http: () => {
    const app = new Koa();
    app.use(async (context) => {
      if (context.path === "/there") context.body = "12345";
      if (context.path === "/wait") {
        waiting.add(currentCall().requestId);
        await new Promise(() => undefined);
      }
    });
    return app;
  },
});

let app: TestApp;
beforeAll(async () => {
  app = await startTest(service, { config: { NODE_ENV: "development" } });
});
afterAll(() => app.stop());

/** The access lines that `work` brings about, with the request id `id`. */
async function linesOf(id: string, work: () => Promise<unknown>): Promise<readonly LogLine[]> {
  await work();
  await accessLine(app, { request_id: id });
  // One answered request more: whatever else the one before would write is written.
  const mark = `mark-${id}`;
  await app.fetch("/healthz", { headers: { "x-request-id": mark } });
  await accessLine(app, { request_id: mark });
  return accessLines(app).filter(({ request_id }) => request_id === id);
}

const PROCESS_NAME = "/name.v1.NameService/ProcessName";

describe("every protocol writes one line, with the contract's fields", () => {
  test.for([
    ["grpc", "2", "HTTP/2.0"],
    ["grpc-web", "2", "HTTP/2.0"],
    ["connect", "2", "HTTP/2.0"],
    ["grpc-web", "1.1", "HTTP/1.1"],
    ["connect", "1.1", "HTTP/1.1"],
  ] as const)("%s over %s", async ([protocol, httpVersion, shown]) => {
    await using channel = createChannel(app.url, { protocol, httpVersion });
    const id = `${protocol}-${httpVersion}`;
    const lines = await linesOf(id, () =>
      createClient(NameService, channel).processName({ name: "ada" }, { headers: { "x-request-id": id } }),
    );
    expect(lines).toEqual([
      {
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        levelname: "INFO",
        name: "logged.access",
        message: `POST ${PROCESS_NAME} ${shown} 200`,
        request_id: id,
        remote_address: "127.0.0.1",
        first_request_line: `POST ${PROCESS_NAME} ${shown}`,
        response_status: 200,
        response_size: expect.any(Number),
        request_time_frac: expect.any(Number),
        rpc_protocol: protocol,
        rpc_code: "ok",
      },
    ]);
    expect(lines[0]?.["response_size"]).toBeGreaterThan(0);
    expect(lines[0]?.["request_time_frac"]).toBeLessThan(5); // seconds
  });

  test("the web application, without the fields of an RPC", async () => {
    const lines = await linesOf("web-1", () => app.fetch("/there?x=1", { headers: { "x-request-id": "web-1" } }));
    expect(lines).toEqual([
      {
        time: expect.any(String),
        levelname: "INFO",
        name: "logged.access",
        message: "GET /there?x=1 HTTP/1.1 200",
        request_id: "web-1",
        remote_address: "127.0.0.1",
        first_request_line: "GET /there?x=1 HTTP/1.1",
        response_status: 200,
        response_size: 5,
        request_time_frac: expect.any(Number),
      },
    ]);
  });

  test("HEAD, with nothing sent", async () => {
    const lines = await linesOf("head-1", () =>
      app.fetch("/healthz", { method: "HEAD", headers: { "x-request-id": "head-1" } }),
    );
    expect(lines).toMatchObject([{ response_status: 200, response_size: 0 }]);
  });
});

describe("every outcome writes one line", () => {
  const json = { method: "POST", headers: { "content-type": "application/json" } };

  test.for([
    ["an unknown path", "/nowhere", {}, { response_status: 404 }],
    [
      "an unknown method",
      "/name.v1.NameService/Nothing",
      { ...json, body: "{}" },
      { response_status: 404, rpc_protocol: "connect", rpc_code: "unimplemented" },
    ],
    [
      "malformed JSON",
      PROCESS_NAME,
      { ...json, body: "{" },
      { response_status: 400, rpc_protocol: "connect", rpc_code: "invalid_argument" },
    ],
    [
      "a content type that is none of the protocols'",
      PROCESS_NAME,
      { method: "POST", headers: { "content-type": "text/plain" }, body: "ada" },
      { response_status: 415, rpc_protocol: "connect" },
    ],
    [
      "a bad timeout",
      PROCESS_NAME,
      { method: "POST", headers: { ...json.headers, "connect-timeout-ms": "soon" }, body: "{}" },
      { response_status: 400, rpc_code: "invalid_argument" },
    ],
    ["an origin that is refused", "/there", { headers: { origin: "https://evil.example" } }, { response_status: 200 }],
  ] as const)("%s", async ([title, path, init, fields]) => {
    const id = title.replaceAll(/[^a-z]/g, "-");
    const headers = { ...("headers" in init ? init.headers : {}), "x-request-id": id };
    const lines = await linesOf(id, async () => (await app.fetch(path, { ...init, headers })).text());
    expect(lines).toMatchObject([fields]);
    expect(lines[0]).not.toHaveProperty("aborted");
  });

  test.for([
    [
      "a Host that is impossible",
      "GET /there HTTP/1.1\r\nhost: a:1,b:2\r\nx-request-id: host-1\r\n\r\n",
      "host-1",
      400,
    ],
    [
      "a Host that the guard refuses",
      "GET /there HTTP/1.1\r\nhost: evil.example\r\norigin: http://evil.example\r\nx-request-id: guard-1\r\n\r\n",
      "guard-1",
      403,
    ],
  ] as const)("%s", async ([, bytes, id, status]) => {
    using peer = await rawSocket(app.url);
    const lines = await linesOf(id, () => peer.send(bytes));
    expect(lines).toMatchObject([{ response_status: status, first_request_line: "GET /there HTTP/1.1" }]);
  });

  test.for([
    ["bytes that are no HTTP", "GET / HTTP/1.1\r\nno colon\r\n\r\n", 400],
    ["a header list over 16 KiB", `GET / HTTP/1.1\r\nx: ${"x".repeat(20_000)}\r\n\r\n`, 431],
  ] as const)("%s, where nothing is known of the request", async ([, bytes, status]) => {
    using peer = await rawSocket(app.url);
    await peer.send(bytes);
    const { headers } = await peer.answer();
    const id = headers.get("x-request-id") ?? "";
    expect(await linesOf(id, async () => undefined)).toMatchObject([
      {
        first_request_line: "-",
        response_status: status,
        remote_address: "127.0.0.1",
        response_size: expect.any(Number),
      },
    ]);
  });

  test.for(["1.1", "2.0"] as const)("a caller that goes away before the answer, over HTTP/%s", async (version) => {
    const id = `gone-${version}`;
    if (version === "1.1") {
      using peer = await rawSocket(app.url);
      await peer.send(`GET /wait HTTP/1.1\r\nhost: localhost\r\nx-request-id: ${id}\r\n\r\n`);
      await until(() => waiting.has(id));
      peer.socket.resetAndDestroy();
    } else {
      using client = await http2Client(app.url);
      const stream = client.session.request({ ":path": "/wait", "x-request-id": id });
      stream.on("error", () => undefined);
      await until(() => waiting.has(id));
      stream.close(8);
      await once(stream, "close");
    }
    expect(await linesOf(id, async () => undefined)).toMatchObject([
      { first_request_line: `GET /wait HTTP/${version}`, response_status: 499, response_size: 0, aborted: true },
    ]);
  });
});

test("a refused origin is one warning that names it and the value to set, however often it comes", async () => {
  for (let request = 0; request < 3; request++) {
    await app.fetch("/there", { headers: { origin: "https://other.example" } });
  }
  const warnings = app.logs.filter(({ message }) => message.includes("https://other.example"));
  expect(warnings).toMatchObject([
    { levelname: "WARN", message: expect.stringContaining("set CORS_ORIGINS=https://other.example") },
  ]);
});

describe("the address of the client", () => {
  const forwarded = { "x-forwarded-for": "203.0.113.7, 10.0.0.1", forwarded: "for=203.0.113.7" };

  test("is the peer's own, whatever it says", async () => {
    await app.fetch("/there", { headers: { ...forwarded, "x-request-id": "untrusted-1" } });
    expect(await accessLine(app, { request_id: "untrusted-1" })).toMatchObject({ remote_address: "127.0.0.1" });
  });

  test("is what a trusted proxy says, past further trusted ones", async () => {
    await using behind = await startTest(service, { config: { TRUSTED_PROXIES: "127.0.0.0/8,10.0.0.0/8" } });
    await behind.fetch("/there", { headers: { ...forwarded, "x-request-id": "trusted-1" } });
    expect(await accessLine(behind, { request_id: "trusted-1" })).toMatchObject({ remote_address: "203.0.113.7" });
  });
});
