import { Code } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { ActiveCall } from "../call/call.ts";
import { systemClock } from "../call/clock.ts";
import type { Logger } from "../call/logger.ts";
import { createTasks } from "../call/tasks.ts";
import type { RequestRecord } from "../server/record.ts";
import { accessLog } from "./access-log.ts";
import { secretFieldNames } from "./secrets.ts";

interface Line {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string | undefined;
}

/** The line that is written for a request. */
function logged(record: Partial<RequestRecord>): Line {
  const lines: Line[] = [];
  const log = {
    info: (fields: object, message?: string) => void lines.push({ fields: { ...fields }, message }),
  } as unknown as Logger; // an access log writes at this level and in this form only
  accessLog(log, () => secretFieldNames(["password"]))({
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
    ...record,
  });
  const [line] = lines;
  if (line === undefined || lines.length > 1) {
    throw new Error(`${lines.length} lines were written`);
  }
  return line;
}

function call(protocol: ActiveCall["protocol"], answeredCode?: Code): ActiveCall {
  const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
  const result = new ActiveCall({
    requestId: "r-1",
    log,
    clock: systemClock,
    tasks: createTasks(log),
    peer: { address: "203.0.113.9" },
    companions: new Map(),
    secrets: [],
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

test("an RPC's line names its protocol and code, and leaves the request id to the call's logger", () => {
  const { fields } = logged({ call: call("grpc", Code.NotFound), method: "POST", path: "/b.C/D", httpVersion: "2.0" });
  expect(fields).toMatchObject({
    rpc_protocol: "grpc",
    rpc_code: "not_found",
    first_request_line: "POST /b.C/D HTTP/2.0",
  });
  expect(fields).not.toHaveProperty("request_id");
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
