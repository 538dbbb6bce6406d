import { createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import {
  compressionGzip,
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { GreeterService } from "../../gen/greeter/v1/greeter_pb.js";
import { NameService } from "../../gen/name/v1/name_pb.js";
import { grpcJsTransport } from "../behaviour/grpc-js.ts";
import { type ServiceProcess, startProcess } from "../support/service-process.ts";

// What test/behaviour does not: large messages and many of them at once, on one connection.

const MIB = 1024 * 1024;
const LARGE = "x".repeat(MIB);

let service: ServiceProcess;
let url: string;
beforeAll(async () => {
  service = startProcess("test/peers/main.ts");
  url = await service.url();
});
afterAll(() => service[Symbol.asyncDispose]());

interface Opened {
  readonly transport: Transport;
  close(): void;
}

type Dial = (options: Parameters<typeof createGrpcTransport>[0]) => Transport;

function connectNode(dial: Dial): () => Opened {
  return () => {
    const sessionManager = new Http2SessionManager(url);
    const interceptors: Interceptor[] = [];
    const compression = { acceptCompression: [compressionGzip], sendCompression: compressionGzip };
    const transport = dial({ baseUrl: url, sessionManager, interceptors, ...compression });
    return { transport, close: () => sessionManager.abort() };
  };
}

describe.each([
  ["connect-node, Connect by gzip", connectNode((options) => createConnectTransport({ ...options, httpVersion: "2" }))],
  [
    "connect-node, gRPC-Web by gzip",
    connectNode((options) => createGrpcWebTransport({ ...options, httpVersion: "2" })),
  ],
  ["connect-node, gRPC by gzip", connectNode(createGrpcTransport)],
  [
    "@grpc/grpc-js",
    () => {
      const transport = grpcJsTransport(url);
      return { transport, close: () => transport[Symbol.dispose]() };
    },
  ],
])("%s", (_name, open) => {
  let opened: Opened;
  beforeAll(() => {
    opened = open();
  });
  afterAll(() => opened.close());

  test("has 1 MiB both ways, many at a time", async () => {
    const { processName } = createClient(NameService, opened.transport);
    const answers = await Promise.all(Array.from({ length: 16 }, () => processName({ name: LARGE })));
    expect(answers.every(({ name }) => name === LARGE.toUpperCase())).toBe(true);
  });

  test("has 2,000 calls, 100 at a time", async () => {
    const { processName } = createClient(NameService, opened.transport);
    for (let round = 0; round < 20; round++) {
      const names = Array.from({ length: 100 }, (_, at) => `name ${round} ${at}`);
      const answers = await Promise.all(names.map((name) => processName({ name })));
      expect(answers.map(({ name }) => name)).toEqual(names.map((name) => name.toUpperCase()));
    }
  });

  test("has a server stream of 1,000 messages, and one of messages of 64 KiB", async () => {
    const { sayHelloToEach } = createClient(GreeterService, opened.transport);
    for (const names of [
      Array.from({ length: 1000 }, (_, at) => String(at)),
      Array.from({ length: 16 }, (_, at) => `${at}`.repeat(32 * 1024)),
    ]) {
      const greetings: string[] = [];
      for await (const { greeting } of sayHelloToEach({ names })) greetings.push(greeting);
      expect(greetings).toEqual(names);
    }
  });

  test("has a bidirectional stream of large messages in both directions at once", async () => {
    const { processNames } = createClient(NameService, opened.transport);
    const names = Array.from({ length: 16 }, (_, at) => `${at}`.padEnd(256 * 1024, "x"));
    const answers: string[] = [];
    for await (const { name } of processNames(each(names))) answers.push(name);
    expect(answers).toEqual(names.map((name) => name.toUpperCase()));
  });
});

async function* each(names: readonly string[]): AsyncIterable<{ readonly name: string }> {
  for (const name of names) yield { name };
}
