import { Agent } from "node:http";
import { create, type DescMethod, type DescService, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { createClient, type Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from "@connectrpc/connect-node";
import { credentials, Client as GrpcJsClient } from "@grpc/grpc-js";
import { GreeterService } from "../../gen/greeter/v1/greeter_pb.js";
import { Health, HealthCheckRequestSchema, HealthCheckResponse_ServingStatus } from "../../gen/health/v1/health_pb.js";
import { NameService } from "../../gen/name/v1/name_pb.js";

/** The calls of the two services over one wire, answered as plain values. */
export interface Caller extends Disposable {
  sayHello(name: string): Promise<string>;
  sayHelloToEach(names: readonly string[]): Promise<readonly string[]>;
  /** Sends each name only when the one before is answered, so that the stream has to run in both directions at once. */
  processNames(names: readonly string[]): Promise<readonly string[]>;
  /** Whether `grpc.health.v1.Health` says that `service` is serving. */
  isServing(service: string): Promise<boolean>;
}

export interface Wire {
  readonly name: string;
  /** Bidirectional streams need HTTP/2. */
  readonly bidirectional: boolean;
  open(url: string): Caller;
}

interface Dialled {
  readonly transport: Transport;
  close(): void;
}

function overHttp1(dial: (options: { httpVersion: "1.1"; nodeOptions: { agent: Agent } }) => Transport): Dialled {
  const agent = new Agent({ keepAlive: false });
  return { transport: dial({ httpVersion: "1.1", nodeOptions: { agent } }), close: () => agent.destroy() };
}

function overHttp2(
  baseUrl: string,
  dial: (options: { httpVersion: "2"; sessionManager: Http2SessionManager }) => Transport,
): Dialled {
  const sessionManager = new Http2SessionManager(baseUrl);
  return { transport: dial({ httpVersion: "2", sessionManager }), close: () => sessionManager.abort() };
}

const dials: Readonly<Record<string, (baseUrl: string) => Dialled>> = {
  "Connect JSON over HTTP/1.1": (baseUrl) =>
    overHttp1((http) => createConnectTransport({ baseUrl, ...http, useBinaryFormat: false })),
  "Connect binary over HTTP/1.1": (baseUrl) =>
    overHttp1((http) => createConnectTransport({ baseUrl, ...http, useBinaryFormat: true })),
  "Connect GET over HTTP/1.1": (baseUrl) =>
    overHttp1((http) => createConnectTransport({ baseUrl, ...http, useHttpGet: true })),
  "Connect JSON over HTTP/2": (baseUrl) =>
    overHttp2(baseUrl, (http) => createConnectTransport({ baseUrl, ...http, useBinaryFormat: false })),
  "Connect binary over HTTP/2": (baseUrl) =>
    overHttp2(baseUrl, (http) => createConnectTransport({ baseUrl, ...http, useBinaryFormat: true })),
  "Connect GET over HTTP/2": (baseUrl) =>
    overHttp2(baseUrl, (http) => createConnectTransport({ baseUrl, ...http, useHttpGet: true })),
  "gRPC-Web over HTTP/1.1": (baseUrl) => overHttp1((http) => createGrpcWebTransport({ baseUrl, ...http })),
  "gRPC-Web over HTTP/2": (baseUrl) => overHttp2(baseUrl, (http) => createGrpcWebTransport({ baseUrl, ...http })),
  "gRPC through connect-node": (baseUrl) =>
    overHttp2(baseUrl, ({ sessionManager }) => createGrpcTransport({ baseUrl, sessionManager })),
};

/** Every RPC protocol over every HTTP version that can carry it, by the clients that people use. */
export const wires: readonly Wire[] = [
  ...Object.entries(dials).map(([name, dial]) => ({
    name,
    bidirectional: !name.endsWith("HTTP/1.1"),
    open: (url: string) => connectCaller(dial(url)),
  })),
  { name: "gRPC through @grpc/grpc-js", bidirectional: true, open: grpcJsCaller },
];

const DEADLINE_MS = 10_000;

function connectCaller({ transport, close }: Dialled): Caller {
  const options = { timeoutMs: DEADLINE_MS };
  const greeter = createClient(GreeterService, transport);
  const names = createClient(NameService, transport);
  const health = createClient(Health, transport);
  return {
    sayHello: async (name) => (await greeter.sayHello({ name }, options)).greeting,
    sayHelloToEach: async (all) => {
      const greetings: string[] = [];
      for await (const { greeting } of greeter.sayHelloToEach({ names: [...all] }, options)) greetings.push(greeting);
      return greetings;
    },
    processNames: async (all) => {
      const turns = takeTurns(all);
      const processed: string[] = [];
      for await (const { name } of names.processNames(turns.names(), options)) {
        processed.push(name);
        turns.next();
      }
      return processed;
    },
    isServing: async (service) =>
      (await health.check({ service }, options)).status === HealthCheckResponse_ServingStatus.SERVING,
    [Symbol.dispose]: close,
  };
}

function takeTurns(all: readonly string[]) {
  let turn = Promise.withResolvers<void>();
  return {
    next: () => turn.resolve(),
    async *names() {
      for (const name of all) {
        yield { name };
        await turn.promise;
        turn = Promise.withResolvers<void>();
      }
    },
  };
}

function path(service: DescService, method: DescMethod): string {
  return `/${service.typeName}/${method.name}`;
}

/** How grpc-js writes and reads the messages of a method. */
function codec<I extends DescMethod["input"], O extends DescMethod["output"]>(method: { input: I; output: O }) {
  return [
    (message: MessageShape<I>) => Buffer.from(toBinary(method.input, message)),
    (bytes: Buffer) => fromBinary(method.output, bytes),
  ] as const;
}

function grpcJsCaller(url: string): Caller {
  const client = new GrpcJsClient(new URL(url).host, credentials.createInsecure());
  const options = () => ({ deadline: Date.now() + DEADLINE_MS });

  function unary<I extends DescMethod["input"], O extends DescMethod["output"]>(
    service: DescService,
    method: DescMethod & { input: I; output: O },
    request: MessageShape<I>,
  ): Promise<MessageShape<O>> {
    return new Promise((resolve, reject) => {
      client.makeUnaryRequest(path(service, method), ...codec(method), request, options(), (error, response) =>
        error === null && response !== undefined ? resolve(response) : reject(error),
      );
    });
  }

  return {
    sayHello: async (name) => {
      const method = GreeterService.method.sayHello;
      return (await unary(GreeterService, method, create(method.input, { name }))).greeting;
    },
    sayHelloToEach: async (names) => {
      const method = GreeterService.method.sayHelloToEach;
      const request = create(method.input, { names: [...names] });
      const call = client.makeServerStreamRequest(path(GreeterService, method), ...codec(method), request, options());
      const greetings: string[] = [];
      // A readable stream's chunks have no type of their own; these are what the codec above made.
      for await (const { greeting } of call as AsyncIterable<MessageShape<typeof method.output>>)
        greetings.push(greeting);
      return greetings;
    },
    processNames: async (names) => {
      const method = NameService.method.processNames;
      const call = client.makeBidiStreamRequest(path(NameService, method), ...codec(method), options());
      const rest = [...names];
      const sendNext = () => {
        const name = rest.shift();
        return name === undefined ? call.end() : call.write(create(method.input, { name }));
      };
      const processed: string[] = [];
      sendNext();
      // As above.
      for await (const { name } of call as AsyncIterable<MessageShape<typeof method.output>>) {
        processed.push(name);
        sendNext();
      }
      return processed;
    },
    isServing: async (service) => {
      const { status } = await unary(Health, Health.method.check, create(HealthCheckRequestSchema, { service }));
      return status === HealthCheckResponse_ServingStatus.SERVING;
    },
    [Symbol.dispose]: () => client.close(),
  };
}
