import type { Contender } from "./contenders.ts";
import { DOMAIN_TYPE_ROWS } from "./domain-type-rows.ts";
import type { Limit } from "./limits.ts";
import { PING_PONG_MESSAGES, REPEATED_MESSAGES } from "./loads/frame-jobs.ts";
import type { H2load } from "./loads/h2load.ts";
import type { HandshakeKind } from "./loads/handshake-load.ts";
import { named, PROCESS_NAME } from "./loads/messages.ts";
import { DELAY_MS, MEBIBYTE, RECEIVED, STREAMS } from "./peers/answers.ts";
import type { Request, Row, ServerRow } from "./row.ts";

const ECHOES = ["node-http2", "engine"] as const;
const OTHERS = ["connect-node", "grpc-js", "connect-go", "grpc-go"] as const;
const CLIENTS = ["connect-node", "grpc-js", "channel"] as const;
/** Who serves gRPC. The JVM takes as long to warm as all others to measure, so it is in the main rows alone. */
const GRPC = ["node-http2", ...OTHERS, "bare"] as const;

const MANY_STREAMS: H2load = { by: "h2load", connections: 8, streams: 16 };
const MANY_CONNECTIONS: H2load = { by: "h2load", connections: 64, streams: 1 };
const A_CALL = { unit: "call", inRequest: 1 } as const;

const grpc = (name: string): Request => ({
  path: PROCESS_NAME,
  isEchoed: true,
  isHttp1: false,
  headers: { "content-type": "application/grpc", te: "trailers" },
  body: named(name),
  answer: named(name.toUpperCase()),
});

const json = (isHttp1: boolean): Request => ({
  path: PROCESS_NAME,
  isEchoed: true,
  isHttp1,
  headers: { "content-type": "application/json" },
  body: Buffer.from('{"name":"test"}'),
  answer: Buffer.from('{"name":"TEST"}'),
});

const plain = (path: string, body: Buffer, answer: Buffer): Request => ({
  path,
  isEchoed: false,
  isHttp1: false,
  headers: {},
  body,
  answer,
});

const ECHO_BODY = Buffer.alloc(32, "portico ");
const NOTHING = Buffer.alloc(0);

const bareBelow = (...others: readonly Contender[]): readonly Limit[] =>
  others.map((to) => ({ of: "bare", atMost: 1, to }));

const server = (row: Omit<ServerRow, "kind" | "isTls"> & { readonly isTls?: boolean }): ServerRow => ({
  kind: "server",
  isTls: false,
  ...row,
});

const handshake = (row: { readonly name: string; readonly about: string; readonly handshake: HandshakeKind }) =>
  server({
    name: row.name,
    about: row.about,
    contenders: ["node-tls", "grpc-js", "bare"],
    isTls: true,
    load: { by: "handshakes", handshake: row.handshake, connections: 8 },
    request: grpc("test"),
    per: { unit: "handshake", inRequest: 1 },
    limits: [],
  });

/** What is measured, and the limits that the issues set. */
export const ROWS: readonly Row[] = [
  server({
    name: "gRPC unary 8x16",
    about: "ProcessName by gRPC, 8 connections with 16 calls under way on each.",
    contenders: [...GRPC, "armeria", "service"],
    load: MANY_STREAMS,
    request: grpc("test"),
    per: A_CALL,
    limits: [
      { of: "bare", atMost: 1 / 8, to: "node-http2" },
      { of: "bare", below: 1 / 2, to: "grpc-go" },
      { of: "service", below: 1, to: "grpc-go" },
    ],
  }),
  server({
    name: "gRPC unary 64x1",
    about: "ProcessName by gRPC, 64 connections with one call at a time on each.",
    contenders: [...GRPC, "armeria", "service"],
    load: MANY_CONNECTIONS,
    request: grpc("test"),
    per: A_CALL,
    limits: [
      { of: "bare", atMost: 1 / 4, to: "node-http2" },
      { of: "bare", below: 1 / 2, to: "grpc-go" },
      { of: "service", below: 1, to: "grpc-go" },
    ],
  }),
  server({
    name: "gRPC unary varied",
    about: "The same at 8x16 with a time-out, trace and request id that differ with each call.",
    contenders: [...GRPC, "service"],
    load: { by: "frames", job: "varied", connections: 8, streams: 16 },
    request: grpc("test"),
    per: A_CALL,
    limits: [{ of: "bare", atMost: 1 / 5, to: "node-http2" }],
  }),
  server({
    name: "gRPC unary tls",
    about: "The same at 8x16 over TLS, beside two in cleartext.",
    contenders: [...GRPC, "grpc-js-cleartext", "bare-cleartext"],
    isTls: true,
    load: MANY_STREAMS,
    request: grpc("test"),
    per: A_CALL,
    limits: [...bareBelow("connect-node"), { of: "bare", atMost: 1 / 4, to: "grpc-js" }],
  }),
  handshake({
    name: "tls handshake",
    handshake: "whole",
    about:
      "A connection: TCP, a whole handshake by TLS 1.3 with a certificate on P-256, the first call by gRPC, the close.",
  }),
  handshake({
    name: "tls handshake mutual",
    handshake: "mutual",
    about: "The same where the client has a certificate as well, which the server verifies.",
  }),
  handshake({
    name: "tls handshake resumed",
    handshake: "resumed",
    about: "The same where the client has been there before, and has a ticket in the place of certificates.",
  }),
  server({
    name: "gRPC 16 KiB",
    about: "ProcessName by gRPC with a name of 16 KiB, at 8x16; nobody compresses.",
    contenders: GRPC,
    load: MANY_STREAMS,
    request: grpc("portico ".repeat(2_048)),
    per: A_CALL,
    limits: bareBelow("connect-node", "grpc-js"),
  }),
  server({
    name: "JSON HTTP/2",
    about: "ProcessName by Connect with JSON over HTTP/2, at 8x16.",
    contenders: ["node-http2", "connect-node", "connect-go", "bare", "service"],
    load: MANY_STREAMS,
    request: json(false),
    per: A_CALL,
    limits: bareBelow("connect-node"),
  }),
  server({
    name: "JSON HTTP/1.1",
    about: "ProcessName by Connect with JSON over HTTP/1.1, 64 connections.",
    contenders: ["node-http", "connect-node", "fastify", "connect-go", "bare", "service"],
    load: MANY_CONNECTIONS,
    request: json(true),
    per: A_CALL,
    limits: bareBelow("connect-node", "fastify"),
  }),
  server({
    name: "server stream",
    about: `A stream of ${REPEATED_MESSAGES} small messages for each call by gRPC, 8 connections with 4 streams each.`,
    contenders: [...OTHERS, "bare"],
    load: { by: "frames", job: "repeat", connections: 8, streams: 4 },
    request: grpc("test"),
    per: { unit: "message", inRequest: REPEATED_MESSAGES },
    limits: bareBelow("connect-node", "grpc-js"),
  }),
  server({
    name: "ping-pong",
    about: `ProcessNames by gRPC: ${PING_PONG_MESSAGES} messages, each sent when the one before is answered, at 8x16.`,
    contenders: [...OTHERS, "bare", "service"],
    load: { by: "frames", job: "ping-pong", connections: 8, streams: 16 },
    request: grpc("test"),
    per: { unit: "message", inRequest: PING_PONG_MESSAGES },
    limits: bareBelow("connect-node", "grpc-js"),
  }),
  {
    kind: "client",
    name: "client",
    about:
      "The client's CPU time: ProcessName by gRPC, 64 calls under way; all have one server but the channel, which balances over two.",
    contenders: ["connect-node", "grpc-js", "channel", "channel-one"],
    inFlight: 64,
    limits: [{ of: "channel", atMost: 1 / 6, to: "grpc-js" }],
  },
  {
    kind: "burst",
    name: "client burst",
    about: `100 calls at once, of ${DELAY_MS} ms each, to a server that takes ${STREAMS} on a connection: until the last is answered.`,
    contenders: CLIENTS,
    calls: 100,
    limits: [{ of: "channel", below: 250, unit: "ms" }],
  },
  {
    kind: "waiting",
    name: "client waiting",
    about: `10,000 calls that wait while a server that takes ${STREAMS} on a connection answers nothing: what each takes, and how long all take from the moment in which it answers.`,
    contenders: CLIENTS,
    calls: 10_000,
    limits: [],
  },
  ...DOMAIN_TYPE_ROWS,
  server({
    name: "echo 8x16",
    about: "The HTTP/2 engine alone: 32 bytes there and back with trailers, at 8x16.",
    contenders: ECHOES,
    load: MANY_STREAMS,
    request: plain("/echo", ECHO_BODY, ECHO_BODY),
    per: A_CALL,
    limits: [{ of: "engine", atMost: 1 / 12, to: "node-http2" }],
  }),
  server({
    name: "echo 64x1",
    about: "The same at 64x1.",
    contenders: ECHOES,
    load: MANY_CONNECTIONS,
    request: plain("/echo", ECHO_BODY, ECHO_BODY),
    per: A_CALL,
    limits: [{ of: "engine", atMost: 1 / 5, to: "node-http2" }],
  }),
  server({
    name: "echo 8x16 tls",
    about: "The same at 8x16 over TLS.",
    contenders: ECHOES,
    isTls: true,
    load: MANY_STREAMS,
    request: plain("/echo", ECHO_BODY, ECHO_BODY),
    per: A_CALL,
    limits: [],
  }),
  server({
    name: "upload 1 MiB",
    about: "The engine alone: requests of 1 MiB, 8 connections with 2 each.",
    contenders: ECHOES,
    load: { by: "h2load", connections: 8, streams: 2 },
    request: plain("/upload", MEBIBYTE, RECEIVED),
    per: { unit: "MiB", inRequest: 1 },
    limits: [{ of: "engine", atMost: 1, to: "node-http2" }],
  }),
  server({
    name: "download 1 MiB",
    about: "The same with answers of 1 MiB.",
    contenders: ECHOES,
    load: { by: "h2load", connections: 8, streams: 2 },
    request: plain("/download", NOTHING, MEBIBYTE),
    per: { unit: "MiB", inRequest: 1 },
    limits: [{ of: "engine", atMost: 1, to: "node-http2" }],
  }),
  {
    kind: "memory",
    name: "idle connection",
    about: "What each of 2,000 idle connections takes.",
    contenders: ECHOES,
    connections: 2_000,
    streams: 0,
    limits: [{ of: "engine", atMost: 12, unit: "KiB" }],
  },
  {
    kind: "memory",
    name: "open stream",
    about: "What each of 10,000 open streams on 100 connections takes.",
    contenders: ECHOES,
    connections: 100,
    streams: 100,
    limits: [{ of: "engine", atMost: 2, unit: "KiB" }],
  },
  {
    kind: "start",
    name: "start",
    about: "From the start of the name service's process to the moment in which it can be called.",
    contenders: ["service"],
    limits: [{ of: "service", below: 300, unit: "ms" }],
  },
  {
    kind: "article",
    name: "article",
    about:
      "The article's comparison: greeter calls name, under `ab -c 100 -n 1000`; two services, no core of their own.",
    contenders: ["service"],
    limits: [],
  },
];
