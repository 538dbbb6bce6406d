import type { Asked, HttpVersion } from "./asked.ts";

/** An RPC as the clients of a protocol send it. */
export interface Rpc {
  readonly name: string;
  readonly protocol: "grpc" | "grpc-web" | "connect";
  readonly versions: readonly HttpVersion[];
  readonly asked: Asked;
}

const BOTH = ["1.1", "2"] as const;
const HTTP2 = ["2"] as const;

export const PROCESS_NAME = "/name.v1.NameService/ProcessName";
const PROCESS_NAMES = "/name.v1.NameService/ProcessNames";
const SAY_HELLO_TO_EACH = "/greeter.v1.GreeterService/SayHelloToEach";

const BINARY = Buffer.from("\x0a\x03ada", "latin1"); // a field 1 that is a text: every request here has one
const JSON_NAME = Buffer.from('{"name":"ada"}');
const GET = `connect=v1&encoding=json&message=${encodeURIComponent(String(JSON_NAME))}`;

function enveloped(message: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]);
}

function post(path: string, type: string, body: Buffer, header: Asked["header"] = {}): Asked {
  return { method: "POST", path, header: { "content-type": type, ...header }, body };
}

function grpc(path: string, message: Uint8Array = BINARY): Asked {
  return post(path, "application/grpc+proto", enveloped(message), { te: "trailers" });
}

/** Every protocol, over each version of HTTP that carries it. */
export const RPCS: readonly Rpc[] = [
  { name: "gRPC", protocol: "grpc", versions: HTTP2, asked: grpc(PROCESS_NAME) },
  { name: "a stream of gRPC", protocol: "grpc", versions: HTTP2, asked: grpc(PROCESS_NAMES) },
  {
    name: "gRPC-Web",
    protocol: "grpc-web",
    versions: BOTH,
    asked: post(PROCESS_NAME, "application/grpc-web+proto", enveloped(BINARY)),
  },
  {
    name: "gRPC-Web in text",
    protocol: "grpc-web",
    versions: BOTH,
    asked: post(PROCESS_NAME, "application/grpc-web-text", Buffer.from(enveloped(BINARY).toString("base64"))),
  },
  {
    name: "Connect in JSON",
    protocol: "connect",
    versions: BOTH,
    asked: post(PROCESS_NAME, "application/json", JSON_NAME),
  },
  {
    name: "Connect in binary",
    protocol: "connect",
    versions: BOTH,
    asked: post(PROCESS_NAME, "application/proto", BINARY),
  },
  {
    name: "Connect by GET",
    protocol: "connect",
    versions: BOTH,
    asked: { method: "GET", path: `${PROCESS_NAME}?${GET}` },
  },
  {
    name: "a stream of Connect",
    protocol: "connect",
    versions: BOTH,
    asked: post(SAY_HELLO_TO_EACH, "application/connect+proto", enveloped(BINARY)),
  },
];

/** gRPC's own services. */
export const HEALTH = grpc("/grpc.health.v1.Health/Check", Buffer.alloc(0));
const LIST_SERVICES = Buffer.from([0x3a, 0]);
export const REFLECTION: readonly Asked[] = ["v1", "v1alpha"].map((version) =>
  grpc(`/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`, LIST_SERVICES),
);
export const UNKNOWN = grpc("/name.v1.NameService/Nothing");

/** The same request of a method, by other paths and types. */
export const BY_GRPC = grpc;
export const byJson = (path: string): Asked => post(path, "application/json", JSON_NAME);
export const byGet = (path: string): Asked => ({ method: "GET", path: `${path}?${GET}` });
