import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { GreeterService } from "../../gen/greeter/v1/greeter_pb.js";
import { NameService } from "../../gen/name/v1/name_pb.js";
import { http2Client } from "../support/http2-client.ts";
import { newRequest } from "./caller.ts";
import { accessLine, type Behaviour, ENGINES, startOverAll } from "./services.ts";
import { type Kind, wiresByKind } from "./wires.ts";

let service: Behaviour;
beforeAll(async () => {
  service = await startOverAll();
});
afterAll(() => service[Symbol.asyncDispose]());

// No service of this repository that is not here has a client stream.
const kinds: readonly Kind[] = ["unary", "server_streaming", "bidi_streaming"];

describe.each(wiresByKind.filter(({ kind }) => kinds.includes(kind)))("$kind: $name", (wire) => {
  test("answers a method of another service as unimplemented", async () => {
    await using dialled = wire.open(service.urlBy(wire.engine));
    const greeter = createClient(GreeterService, dialled.transport);
    const names = createClient(NameService, dialled.transport);
    const { requestId, header } = newRequest();
    const call = async () => {
      if (wire.kind === "unary") return greeter.sayHello({ name: "ada" }, { headers: header });
      const stream =
        wire.kind === "server_streaming"
          ? greeter.sayHelloToEach({ names: ["ada"] }, { headers: header })
          : names.processNames(none(), { headers: header });
      return stream[Symbol.asyncIterator]().next();
    };
    const error = await call().then(() => undefined, ConnectError.from);
    expect(error).toMatchObject({ code: Code.Unimplemented });
    expect(await accessLine(service, requestId)).toMatchObject({
      rpc_protocol: wire.protocol,
      rpc_code: "unimplemented",
    });
  });
});

async function* none(): AsyncIterable<{ readonly name: string }> {
  // Nothing is sent.
}

const PATHS = ["/behaviour.v1.BehaviourService/Nope", "/no.such.Service/Act", "/Service/Act", "/nope"];

describe("a path that is no method", () => {
  const grpcTypes = [
    "application/grpc",
    "application/grpc+proto",
    "application/grpc-web",
    "application/grpc-web+proto",
  ];

  test.each([...grpcTypes, "application/grpc-web-text", "application/grpc-web-text+proto"])(
    "has grpc-status 12 in the head of an HTTP 200, for %s",
    async (type) => {
      for (const [engine, path] of ENGINES.flatMap((engine) => PATHS.map((path) => [engine, path] as const))) {
        using client = await http2Client(service.urlBy(engine));
        const { requestId, header } = newRequest();
        const answer = await client.request(
          { ":method": "POST", ":path": path, "content-type": type, te: "trailers", ...header },
          Uint8Array.of(0, 0, 0, 0, 0),
        );
        expect(answer).toMatchObject({ status: 200, body: "" });
        expect(answer.headers).toMatchObject({ "grpc-status": "12", "content-type": type });
        expect(answer.headers["grpc-message"]).toContain(path);
        expect(await accessLine(service, requestId)).toMatchObject({
          rpc_protocol: type.includes("web") ? "grpc-web" : "grpc",
          rpc_code: "unimplemented",
        });
      }
    },
  );

  test.each(["application/proto", "application/json"])("has Connect's error, for %s", async (type) => {
    for (const path of PATHS) {
      const { requestId, header } = newRequest();
      const response = await fetch(service.url + path, {
        method: "POST",
        headers: { "content-type": type, "connect-protocol-version": "1", ...header },
        body: "{}",
      });
      expect(response.status).toBe(404);
      expect(response.headers.get("content-type")).toBe("application/json");
      expect(await response.json()).toMatchObject({ code: "unimplemented" });
      expect(await accessLine(service, requestId)).toMatchObject({
        rpc_protocol: "connect",
        rpc_code: "unimplemented",
      });
    }
  });

  test.each(["application/connect+proto", "application/connect+json"])("ends a stream of %s", async (type) => {
    const { requestId, header } = newRequest();
    const response = await fetch(`${service.url}/no.such.Service/Act`, {
      method: "POST",
      headers: { "content-type": type, ...header },
      body: Uint8Array.of(0, 0, 0, 0, 0),
    });
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe(type);
    const body = Buffer.from(await response.arrayBuffer());
    expect(body.readUInt8(0)).toBe(2); // an EndStreamResponse
    expect(body.readUInt32BE(1)).toBe(body.length - 5);
    expect(JSON.parse(body.subarray(5).toString())).toMatchObject({ error: { code: "unimplemented" } });
    expect(await accessLine(service, requestId)).toMatchObject({ rpc_protocol: "connect", rpc_code: "unimplemented" });
  });

  test("has Connect's error for Connect's GET", async () => {
    for (const path of PATHS) {
      const { requestId, header } = newRequest();
      const query = "?connect=v1&encoding=json&message=%7B%7D";
      const response = await fetch(service.url + path + query, { headers: header });
      expect(response.status).toBe(404);
      expect(await response.json()).toMatchObject({ code: "unimplemented" });
      const line = await accessLine(service, requestId);
      expect(line).toMatchObject({ rpc_protocol: "connect", rpc_code: "unimplemented" });
      expect(JSON.stringify(line)).not.toContain("message=");
    }
  });

  test("has Connect's error for plain JSON to a path of a method's form", async () => {
    const response = await fetch(`${service.url}/no.such.Service/Act`, {
      method: "POST",
      headers: { "content-type": "application/json; charset=utf-8" },
      body: "{}",
    });
    expect(await response.json()).toMatchObject({ code: "unimplemented" });
  });

  test.each([
    ["POST", "/api/v1/things", "application/json"],
    ["POST", "/api/v1/things", "text/plain"],
    ["GET", "/behaviour.v1.BehaviourService/Nope", undefined],
    ["GET", "/nope?connect=v2", undefined],
    ["PUT", "/nope", "application/x-www-form-urlencoded"],
  ])("is the web application's, for %s %s of %s", async (method, path, type) => {
    const response = await fetch(service.url + path, {
      method,
      ...(type === undefined ? {} : { headers: { "content-type": type }, body: "{}" }),
    });
    expect(response.status).toBe(200);
    expect(await response.text()).toBe(`koa: ${method} ${path.split("?")[0]}`);
  });
});
