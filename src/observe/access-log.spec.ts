import { create, createFileRegistry } from "@bufbuild/protobuf";
import { FieldDescriptorProto_Label, FieldDescriptorProto_Type, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import fc from "fast-check";
import { afterEach, expect, test, vi } from "vitest";
import { NameService } from "../../gen/name/v1/name_pb.js";
import { ActiveCall, type CallOptions } from "../call/call.ts";
import { systemClock } from "../call/clock.ts";
import { runInCall } from "../call/current.ts";
import { createTasks } from "../call/tasks.ts";
import type { RequestRecord } from "../server/record.ts";
import { accessFields } from "./access-fields.ts";
import { accessLog } from "./access-log.ts";
import { createLogger, type LogLevel } from "./logger.ts";
import { secretFieldNames } from "./secrets.ts";

interface Line {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: unknown;
}

const RECORD: RequestRecord = {
  call: undefined,
  requestId: "r-1",
  remoteAddress: "203.0.113.9",
  method: "GET",
  path: "/a",
  query: "",
  httpVersion: "1.1",
  status: 200,
  responseBytes: 12,
  durationMs: 1.2345,
  aborted: false,
};

function capture(level: LogLevel = "info") {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const log = createLogger({ name: "orders", level, format: "json", colors: false, destination });
  return { log: log.named("orders.access"), root: log, lines };
}

/** The line that is written for a request. */
function logged(record: Partial<RequestRecord>): Line {
  const { log, lines } = capture();
  accessLog(log, () => secretFieldNames(["password"]))({ ...RECORD, ...record });
  expect(lines).toHaveLength(1);
  const { time, levelname, name, message, ...fields } = JSON.parse(lines[0] ?? "");
  expect({ levelname, name }).toEqual({ levelname: "INFO", name: "orders.access" });
  return { fields, message };
}

function call(protocol: ActiveCall["protocol"], answeredCode?: Code, options: Partial<CallOptions> = {}): ActiveCall {
  const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
  const result = new ActiveCall({
    requestId: "r-1",
    log,
    clock: systemClock,
    tasks: createTasks(log),
    peer: { address: "203.0.113.9" },
    companions: new Map(),
    secrets: [],
    ...options,
  });
  result.protocol = protocol;
  result.answeredCode = answeredCode;
  return result;
}

test("a request is one line with the article's fields; its time is in seconds, to the microsecond", () => {
  expect(logged({ query: "b=c" })).toEqual({
    fields: {
      request_id: "r-1",
      remote_address: "203.0.113.9",
      first_request_line: "GET /a?b=c HTTP/1.1",
      response_status: 200,
      response_size: 12,
      request_time_frac: 0.001235,
    },
    message: "GET /a?b=c HTTP/1.1 200",
  });
});

test("a line names its peer where that has an identity, whatever the peer has for a secret", () => {
  expect(logged({}).fields).not.toHaveProperty("peer_identity");
  const peerIdentity = "spiffe://example.org/friend";
  const many = call("grpc");
  many.hide(Array.from({ length: 300 }, (_, at) => `hidden-${at}`));
  const hiding = call("grpc", undefined, { secrets: [peerIdentity, "peer_identity", "friend"] });
  for (const of of [undefined, call(undefined), call("grpc"), hiding, many]) {
    expect(logged({ call: of, peerIdentity }).fields["peer_identity"]).toBe(peerIdentity);
  }
});

test("an RPC's line names its protocol and code", () => {
  const { fields } = logged({ call: call("grpc", Code.NotFound), method: "POST", path: "/b.C/D", httpVersion: "2.0" });
  expect(fields).toMatchObject({
    rpc_protocol: "grpc",
    rpc_code: "not_found",
    first_request_line: "POST /b.C/D HTTP/2.0",
    request_id: "r-1",
  });
  expect(logged({ call: call("connect") }).fields).toMatchObject({ rpc_protocol: "connect", rpc_code: "ok" });
});

test("a request to the web application has no RPC fields", () => {
  const { fields } = logged({ call: call(undefined) });
  expect(fields).not.toHaveProperty("rpc_protocol");
  expect(fields).not.toHaveProperty("rpc_code");
});

test("an answer that was broken off says so", () => {
  expect(logged({ aborted: true, status: 499 }).fields).toMatchObject({ aborted: true, response_status: 499 });
  expect(logged({}).fields).not.toHaveProperty("aborted");
});

test("the query of an RPC is never logged, also not of one that was refused before it was taken as an RPC", () => {
  const query = "connect=v1&encoding=json&message=%7B%22password%22%3A%22x%22%7D";
  for (const record of [{ call: call("connect") }, { call: call(undefined) }, { call: undefined }]) {
    const line = logged({ ...record, path: "/b.C/D", query });
    expect(line.fields["first_request_line"]).toBe("GET /b.C/D HTTP/1.1");
    expect(line.message).toBe("GET /b.C/D HTTP/1.1 200");
  }
  expect(logged({ query: "reconnect=v1" }).fields["first_request_line"]).toBe("GET /a?reconnect=v1 HTTP/1.1");
});

test("values of secret parameters are hidden", () => {
  expect(logged({ query: "password=x&b=c" }).fields["first_request_line"]).toBe(
    "GET /a?password=[redacted]&b=c HTTP/1.1",
  );
});

test("a request that could not be read has a line all the same", () => {
  expect(logged({ method: "", path: "", httpVersion: "", status: 400 })).toMatchObject({
    fields: { first_request_line: "-", response_status: 400, request_id: "r-1" },
    message: "- 400",
  });
});

test("nothing is written, and nothing done, where the level leaves access lines out", () => {
  const { log, lines } = capture("warn");
  const record = { ...RECORD } as { -readonly [K in keyof RequestRecord]: RequestRecord[K] };
  Object.defineProperty(record, "path", {
    get: () => {
      throw new Error("the path was read");
    },
  });
  accessLog(log, () => new Set())(record);
  expect(lines).toEqual([]);
});

test("the request id and the secrets are the record's call's, wherever the line is written", () => {
  const { log, lines } = capture();
  const own = call("grpc", undefined, { requestId: "own", secrets: ["s3cr3t"] });
  const other = call("grpc", undefined, { requestId: "other", secrets: ["/a"] });
  runInCall(other, () =>
    accessLog(log, () => new Set())({ ...RECORD, call: own, requestId: "own", path: "/a/s3cr3t" }),
  );
  expect(JSON.parse(lines[0] ?? "")).toMatchObject({
    request_id: "own",
    first_request_line: "GET /a/[redacted] HTTP/1.1",
  });
});

test("a line is its own request's, whatever the line before on the same method was", () => {
  const { log, lines } = capture();
  const write = accessLog(log, () => new Set());
  const records = [
    {},
    { status: 415 },
    { path: "/b" },
    { method: "POST" },
    { httpVersion: "2.0" },
    { protocol: "grpc" as const },
    { code: Code.NotFound },
    { query: "a=b" },
  ].map(
    ({
      protocol = "connect",
      code,
      ...record
    }: Partial<RequestRecord> & { protocol?: "grpc" | "connect"; code?: Code }) => {
      const of = call(protocol, code);
      of.method = NameService.method.processName;
      return { ...RECORD, call: of, ...record };
    },
  );
  for (const record of [...records, ...records.toReversed()]) {
    write(record);
    const { first_request_line, response_status, rpc_protocol, rpc_code, message } = JSON.parse(lines.at(-1) ?? "");
    const fields = accessFields(record, new Set());
    expect({ first_request_line, response_status, rpc_protocol, rpc_code }).toEqual({
      first_request_line: fields.first_request_line,
      response_status: fields.response_status,
      rpc_protocol: fields.rpc_protocol,
      rpc_code: fields.rpc_code,
    });
    expect(message).toBe(`${fields.first_request_line} ${record.status}`);
  }
});

test("a field of the line that a schema hides is hidden", () => {
  const STRING = { type: FieldDescriptorProto_Type.STRING, label: FieldDescriptorProto_Label.OPTIONAL };
  const field = { name: "remote_address", number: 1, ...STRING, options: { debugRedact: true } };
  const file = { name: "a.proto", syntax: "proto3", messageType: [{ name: "Peer", field: [field] }] };
  const schema = createFileRegistry(create(FileDescriptorSetSchema, { file: [file] })).getFile("a.proto");
  const { log, lines, root } = capture();
  const write = accessLog(log, root.secretNames);
  write({ ...RECORD, call: call("grpc") });
  root.learn(schema === undefined ? [] : [schema]);
  write({ ...RECORD, call: call("grpc") });
  write(RECORD);
  const addresses = lines
    .map((line) => JSON.parse(line))
    .map(({ remote_address, request_id }) => [remote_address, request_id]);
  expect(addresses).toEqual([
    ["203.0.113.9", "r-1"],
    ["[redacted]", "r-1"],
    ["[redacted]", "r-1"],
  ]);
});

afterEach(() => void vi.useRealTimers());

/** Texts with what JSON, terminals and encodings trip over. */
const text = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({
    unit: fc.constantFrom("a", "/", '"', "\\", "\n", "\u0000", "\u001b", "\u007f", "\u0085", "\u2028", "%", "%61", "+"),
  }),
  fc.string({ unit: fc.constantFrom("s3cr3t", "s3cr3t\u0085", "\ud800", "\udc00", "\u00e9", "\u{1f600}", "x") }),
);

const record = fc.record({
  requestId: fc.oneof(fc.uuid(), text),
  remoteAddress: fc.oneof(fc.ipV4(), fc.ipV6(), text),
  peerIdentity: fc.oneof(fc.constantFrom(undefined, "spiffe://example.org/friend"), text),
  method: fc.oneof(fc.constantFrom("GET", "POST", ""), text),
  path: text,
  query: fc.oneof(fc.constant(""), fc.constant("connect=v1&message=a"), text, fc.webQueryParameters()),
  httpVersion: fc.constantFrom("1.1", "2.0", ""),
  status: fc.nat(999),
  responseBytes: fc.oneof(fc.nat(), fc.maxSafeNat()),
  durationMs: fc.oneof(
    fc.double(),
    fc.double({ min: 0, max: 2000 }),
    fc.nat(1_000_000).map((us) => us / 1000),
  ),
  aborted: fc.boolean(),
});

const callOptions = fc.option(
  fc.record({
    protocol: fc.constantFrom("grpc", "grpc-web", "connect", undefined),
    code: fc.constantFrom(undefined, Code.NotFound, Code.Unauthenticated),
    secrets: fc.constantFrom(
      [],
      ["s3cr3t"],
      ["s3cr3t\u0085", '/\u2028/"', "a/a/"],
      ["\u00e9\u00e9\u00e9\u00e9", "127.0.0.1"],
      ["spiffe://example.org/friend", "peer_identity"],
    ),
    hidden: fc.constantFrom(
      [],
      ["xxxx"],
      Array.from({ length: 300 }, (_, at) => `hidden-${at}`),
    ),
    isKnown: fc.boolean(),
  }),
  { nil: undefined },
);

test("a line is, byte for byte, what the logger makes of its fields", () => {
  vi.useFakeTimers({ toFake: ["Date"] });
  const secretNames = [[], ["password", "Remote_Address", "a"], ["peer_identity"]].map(secretFieldNames);
  const names = fc.constantFrom(...secretNames);
  fc.assert(
    fc.property(fc.array(fc.tuple(record, callOptions), { minLength: 1, maxLength: 3 }), names, (records, secrets) => {
      const { log, lines } = capture();
      const write = accessLog(log, () => secrets);
      for (const [fields, options] of records) {
        const of =
          options && call(options.protocol, options.code, { requestId: fields.requestId, secrets: options.secrets });
        of?.hide(options?.hidden ?? []);
        if (of !== undefined && options?.isKnown) {
          of.method = NameService.method.processName;
        }
        const whole = { ...fields, call: of };
        write(whole);
        const asFields = accessFields(whole, secrets);
        const reference = () => log.info(asFields, `${asFields.first_request_line} ${whole.status}`);
        of === undefined ? reference() : runInCall(of, reference);
        const [written, expected] = lines.splice(0);
        expect(written).toBe(expected);
      }
    }),
    { numRuns: 2000 },
  );
});
