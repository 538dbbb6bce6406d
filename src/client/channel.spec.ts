import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { Code, createClient, type Interceptor } from "@connectrpc/connect";
import { defineService, implement } from "portico";
import { inCall, startTest } from "portico/testing";
import { describe, expect, test } from "vitest";
import { GreeterService } from "../../gen/greeter/v1/greeter_pb.js";
import { frameServer, goAwayFrame, resetFrame, settingsFrame } from "../../test/support/frame-server.ts";
import { FRAME } from "../../test/support/frames.ts";
import { ErrorCode } from "../http2/index.ts";
import { envelope } from "../wire/envelope.ts";
import { createChannel } from "./channel.ts";

/** Greets for as long as anybody reads, and tells when nobody does any more. */
function endless() {
  const { promise: left, resolve: leave } = Promise.withResolvers<void>();
  const definition = defineService({
    name: "endless",
    routes: () => [
      implement(GreeterService, {
        sayHello: ({ name }) => ({ greeting: name }),
        async *sayHelloToEach(_request, { signal }) {
          signal.addEventListener("abort", () => leave());
          while (!signal.aborted) {
            yield { greeting: "again" };
            await new Promise(setImmediate);
          }
        },
      }),
    ],
  });
  return { definition, left };
}

async function listening(server: Server): Promise<AsyncDisposable & { readonly url: string }> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number }; // it listens on a port
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, "close");
    },
  };
}

describe.each([
  { protocol: "grpc", httpVersion: "2" },
  { protocol: "grpc-web", httpVersion: "2" },
  { protocol: "grpc-web", httpVersion: "1.1" },
  { protocol: "connect", httpVersion: "2" },
  { protocol: "connect", httpVersion: "1.1" },
] as const)("a channel by $protocol over HTTP/$httpVersion", (options) => {
  test("ends a stream that its reader left, at the latest with the call that it was for", async () => {
    const { definition, left } = endless();
    await using app = await startTest(definition);
    await using channel = createChannel(app.url, options);
    await inCall({}, async () => {
      for await (const { greeting } of createClient(GreeterService, channel).sayHelloToEach({ names: [] })) {
        expect(greeting).toBe("again");
        break;
      }
    });
    await left;
    expect(channel.stats()).toMatchObject({ callsStarted: 1, callsSucceeded: 1, callsActive: 0 });
  });

  test("does not connect for a call whose interceptor was still at work when it was closed", async () => {
    let connections = 0;
    const hangUp = (socket: Socket) => {
      connections++;
      socket.destroy();
    };
    await using server = await listening(createServer(hangUp));
    const [asked, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const slow: Interceptor = (next) => async (request) => {
      asked.resolve();
      await released.promise;
      return next(request);
    };
    const channel = createChannel(server.url, { ...options, interceptors: [slow] });
    const call = expect(createClient(GreeterService, channel).sayHello({ name: "x" })).rejects.toMatchObject({
      code: Code.Unavailable,
      rawMessage: expect.stringContaining(`the channel to ${server.url} is closed`),
    });
    await asked.promise;
    await channel[Symbol.asyncDispose]();
    released.resolve();
    await call;
    expect(connections).toBe(0);
    expect(channel.stats()).toMatchObject({ state: "closed", callsFailed: 1, callsActive: 0 });
  });

  test("ends its calls when it is closed, and tries none again", async () => {
    const asked = Promise.withResolvers<void>();
    const hanging = defineService({
      name: "hanging",
      routes: () => [
        implement(GreeterService, {
          sayHello: (_request, { signal }) => {
            asked.resolve();
            return new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
          },
          sayHelloToEach: () => {
            throw new Error("nobody asks for it");
          },
        }),
      ],
    });
    await using app = await startTest(hanging);
    const channel = createChannel(app.url, options);
    const call = expect(createClient(GreeterService, channel).sayHello({ name: "x" })).rejects.toMatchObject({
      code: Code.Unavailable,
    });
    await asked.promise;
    await channel[Symbol.asyncDispose]();
    await call;
    expect(channel.stats()).toMatchObject({ callsFailed: 1, callsActive: 0, retriesStarted: 0 });
  });

  test("counts calls, and refuses them once it is closed", async () => {
    await using app = await startTest(endless().definition);
    const channel = createChannel(app.url, options);
    const client = createClient(GreeterService, channel);
    await expect(client.sayHello({ name: "x" })).resolves.toMatchObject({ greeting: "x" });
    await channel[Symbol.asyncDispose]();
    await expect(client.sayHello({ name: "x" })).rejects.toThrow("is closed");
    expect(channel.stats()).toMatchObject({ state: "closed", callsStarted: 1, callsSucceeded: 1, callsFailed: 0 });
  });
});

test.each([
  { protocol: "grpc", format: "json" },
  { protocol: "grpc", sendCompression: "gzip", compressMinBytes: 0 },
  { protocol: "grpc-web", httpVersion: "1.1", sendCompression: "br" },
  { protocol: "grpc-web", format: "json", sendCompression: "gzip" },
  { protocol: "connect", format: "json", sendCompression: "br" },
  { protocol: "connect", httpVersion: "1.1", sendCompression: "gzip" },
  { protocol: "connect", useHttpGet: true },
  { protocol: "connect", useHttpGet: true, format: "json", httpVersion: "1.1" },
] as const)("a channel with %o is understood", async (options) => {
  await using app = await startTest(endless().definition);
  await using channel = createChannel(app.url, options);
  const name = "x".repeat(2000);
  await expect(createClient(GreeterService, channel).sayHello({ name })).resolves.toMatchObject({ greeting: name });
});

test.each([
  { protocol: "grpc-web", httpVersion: "1.1" },
  { protocol: "connect", httpVersion: "1.1" },
] as const)(
  "over HTTP/1.1 a connection that breaks in the middle of an answer by $protocol is unavailable",
  async (options) => {
    const head = "HTTP/1.1 200 OK\r\ncontent-type: application/proto\r\ncontent-length: 100\r\n\r\n\0\0";
    await using server = await listening(
      createServer((socket) => {
        socket.on("error", () => undefined).once("data", () => socket.write(head, () => socket.destroy()));
      }),
    );
    await using channel = createChannel(server.url, options);
    await expect(createClient(GreeterService, channel).sayHello({ name: "x" })).rejects.toMatchObject({
      code: Code.Unavailable,
      rawMessage: expect.stringContaining(`the connection to ${server.url} was lost: ECONNRESET (target ${server.url}`),
    });
    expect(channel.stats()).toMatchObject({ callsFailed: 1, callsActive: 0, state: "connecting" });
  },
);

test("over HTTP/1.1 a server is read no faster than its messages are", async () => {
  const text = Buffer.alloc(16 * 1024, "x");
  const message = envelope(0, Buffer.concat([Buffer.of(10, 0x80, 0x80, 1), text]));
  const all = 64 * 1024 * 1024;
  let sent = 0;
  await using server = await listening(
    createServer((socket) => {
      socket.on("error", () => undefined);
      const more = () => {
        while (sent < all && socket.write(message)) sent += message.length;
      };
      socket.once("data", () => {
        socket.write("HTTP/1.1 200 OK\r\ncontent-type: application/grpc-web+proto\r\n\r\n");
        socket.on("drain", more);
        more();
      });
    }),
  );
  await using channel = createChannel(server.url, { protocol: "grpc-web", httpVersion: "1.1" });
  const iterator = createClient(GreeterService, channel).sayHelloToEach({ names: [] })[Symbol.asyncIterator]();
  expect((await iterator.next()).value?.greeting).toHaveLength(text.length);
  for (let turns = 0, before = 0; turns < 200; turns++) {
    await new Promise(setImmediate);
    turns = sent === before ? turns : 0;
    before = sent;
  }
  expect(sent).toBeLessThan(all / 2); // what the operating system holds
  for (let read = 0; read < 3000; read++) await iterator.next();
  expect(sent).toBeGreaterThan(3000 * text.length);
});

test("a time-out past the range of Node's timers is a long one, and not none", async () => {
  await using app = await startTest(endless().definition);
  await using channel = createChannel(app.url);
  const client = createClient(GreeterService, channel);
  await expect(client.sayHello({ name: "x" }, { timeoutMs: 2 ** 31 })).resolves.toMatchObject({ greeting: "x" });
});

test("a call that the target cancels, and nobody here, is unavailable", async () => {
  await using server = await frameServer([]);
  await using channel = createChannel(server.url.href, { retry: false });
  const call = expect(createClient(GreeterService, channel).sayHello({ name: "x" })).rejects.toMatchObject({
    code: Code.Unavailable,
    rawMessage: expect.stringContaining(
      `${server.url.origin} has broken the call off: the peer has reset the stream: CANCEL (target `,
    ),
  });
  const peer = await server.peer();
  await peer.frame(({ type }) => type === FRAME.headers);
  peer.send(resetFrame(1, ErrorCode.CANCEL));
  await call;
});

test("a channel tells where its connection is in its life", async () => {
  await using server = await frameServer();
  const channel = createChannel(server.url.href);
  expect(channel.stats().state).toBe("idle");
  const call = createClient(GreeterService, channel).sayHello({ name: "x" });
  const failed = expect(call).rejects.toMatchObject({ code: Code.Unavailable });
  expect(channel.stats().state).toBe("connecting");
  const peer = await server.peer();
  peer.send(settingsFrame([]));
  await peer.frame(({ type }) => type === FRAME.headers);
  expect(channel.stats().state).toBe("ready");
  peer.send(goAwayFrame(1));
  await peer.roundTrip();
  expect(channel.stats().state).toBe("connecting");
  await channel[Symbol.asyncDispose]();
  expect(channel.stats()).toMatchObject({ state: "closed", callsActive: 0, callsFailed: 1 });
  await failed;
});

test("a target with a password is refused, and the message does not repeat it", () => {
  expect(() => createChannel("http://me:hush@localhost:1")).toThrow(/^(?!.*hush).*takes no user and password/);
});

test.each([
  ["localhost:50051", {}, "a target is a URL"],
  ["ftp://localhost", {}, "a target is a URL"],
  ["http://localhost:50051/?x=1", {}, "a target is a URL"],
  ["http://localhost:50051", { timeoutMs: 0 }, "more than 0 milliseconds"],
  ["http://localhost:50051", { timeoutMs: Number.NaN }, "more than 0 milliseconds"],
  ["http://localhost:50051", { httpVersion: "1.1" }, "gRPC needs HTTP/2"],
  ["http://localhost:50051", { useHttpGet: true }, "useHttpGet is for the protocol connect"],
  ["http://localhost:50051", { readMaxBytes: 0 }, "readMaxBytes is 0"],
  ["http://localhost:50051", { compressMinBytes: -1 }, "compressMinBytes is -1"],
  ["http://localhost:50051", { tls: {} }, "tls is for targets that begin with https:"],
] as const)("a channel to %s with %o says what is wrong", (target, options, message) => {
  expect(() => createChannel(target, options)).toThrow(message);
});
