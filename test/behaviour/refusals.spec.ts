import { afterAll, beforeAll, expect, test } from "vitest";
import { newRequest } from "./caller.ts";
import { accessLine, type Behaviour, startBehaviour } from "./services.ts";

let service: Behaviour;
beforeAll(async () => {
  service = await startBehaviour();
});
afterAll(() => service[Symbol.asyncDispose]());

const BASE = "/behaviour.v1.BehaviourService";

test.each([
  ["Act", "text/plain"],
  ["Act", "application/xml"],
  ["Act", "application/connect+json"],
  ["Act", "application/grpc+thrift"],
  ["Watch", "application/json"],
])("refuses a call of %s by %s, and says what it takes", async (method, type) => {
  const { requestId, header } = newRequest();
  const response = await fetch(`${service.url}${BASE}/${method}`, {
    method: "POST",
    headers: { "content-type": type, ...header },
    body: "{}",
  });
  expect(response.status).toBe(415);
  const prefix = method === "Act" ? "application/" : "application/connect+";
  const accepted = `${prefix}json, ${prefix}proto, application/grpc, application/grpc-web`;
  expect(response.headers.get("accept-post")).toBe(accepted);
  expect(response.headers.get("x-request-id")).toBe(requestId);
  expect(await accessLine(service, requestId)).toMatchObject({
    response_status: 415,
    rpc_protocol: type.includes("grpc") ? "grpc" : "connect",
    rpc_code: "unknown", // what every protocol's client makes of HTTP's 415
  });
});

test.each([
  ["GET", "Act", "", "POST"],
  ["GET", "Act", "?connect=v1&encoding=json&message=%7B%7D", "POST"],
  ["GET", "Watch", "?connect=v1&encoding=json&message=%7B%7D", "POST"],
  ["PUT", "Act", "", "POST"],
  ["DELETE", "Read", "", "GET, POST"],
])("refuses %s of %s%s, and says what is allowed", async (verb, method, query, allowed) => {
  const { requestId, header } = newRequest();
  const response = await fetch(`${service.url}${BASE}/${method}${query}`, {
    method: verb,
    headers: { "content-type": "application/json", ...header },
  });
  expect(response.status).toBe(405);
  expect(response.headers.get("allow")?.split(", ").sort().join(", ")).toBe(allowed);
  expect(await accessLine(service, requestId)).toMatchObject({
    response_status: 405,
    rpc_protocol: "connect",
    rpc_code: "unknown",
    first_request_line: `${verb} ${BASE}/${method} HTTP/1.1`,
  });
});
