import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import * as https from "node:https";
import { type AddressInfo, connect, createServer } from "node:net";
import * as tls from "node:tls";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { Client, credentials, status } from "@grpc/grpc-js";
import { createChannel } from "portico/client";
import { describe, expect, test } from "vitest";
import { GreeterService } from "../../gen/greeter/v1/greeter_pb.js";
import { FRAME, type Frame, frame, framesIn, PREFACE } from "../support/frames.ts";
import { until } from "../support/until.ts";
import { AGE_MS, type LastingService, startLasting } from "./lasting.ts";
import { serialOf } from "./renewed-services.ts";

/** The last stream of a GOAWAY that only announces another (RFC 9113, 6.8). */
const ANNOUNCED = 2 ** 31 - 1;

/** A stream that has begun, and what it fails with. */
interface Begun extends AsyncDisposable {
  readonly failure: Promise<unknown>;
}

const PORTICO = (["grpc", "grpc-web", "connect"] as const).flatMap((protocol) =>
  (["2", "1.1"] as const)
    .filter((httpVersion) => protocol !== "grpc" || httpVersion === "2")
    .map((httpVersion) => ({ protocol, httpVersion })),
);

describe("a stream that is open when the certificate is renewed", () => {
  async function expectCut(begin: (service: LastingService) => Promise<Begun>): Promise<unknown> {
    await using service = await startLasting();
    const { app } = service;
    await using stream = await begin(service);
    let isOver = false;
    void stream.failure.then(() => {
      isOver = true;
    });
    await service.renew();
    app.clock.advance(AGE_MS / 2);
    await using channel = createChannel(app.url, { tls: { ca: service.authority.cert } });
    await createClient(GreeterService, channel).sayHello({ name: "ada" });
    expect(isOver).toBe(false);
    expect(app.stats().requests).toBe(1);
    app.clock.advance(AGE_MS / 2);
    const failure = await stream.failure;
    await until(() => service.cut === 1);
    expect(app.stats().requests).toBe(0);
    const warnings = app.logs.filter(({ message }) => message.includes("a renewed certificate"));
    expect(warnings).toMatchObject([{ levelname: "WARN", connections: 1 }]);
    return failure;
  }

  test.each(PORTICO)(
    "goes on until the age is over, and ends unavailable: $protocol over HTTP/$httpVersion",
    async (options) => {
      const failure = await expectCut(async ({ app, authority }) => {
        const channel = createChannel(app.url, { ...options, tls: { ca: authority.cert } });
        const answers = createClient(GreeterService, channel)
          .sayHelloToEach({ names: ["ada"] })
          [Symbol.asyncIterator]();
        expect(await answers.next()).toMatchObject({ value: { greeting: "Hello" } });
        return {
          failure: answers.next().catch(ConnectError.from),
          [Symbol.asyncDispose]: () => channel[Symbol.asyncDispose](),
        };
      });
      expect(failure).toMatchObject({ code: Code.Unavailable });
    },
  );

  test("goes on until the age is over, and ends unavailable: grpc-js", async () => {
    const failure = await expectCut(async ({ app, authority }) => {
      const named = { "grpc.ssl_target_name_override": "localhost" };
      const secure = credentials.createSsl(Buffer.from(authority.cert));
      const client = new Client(new URL(app.url).host, secure, named);
      const method = "/greeter.v1.GreeterService/SayHelloToEach";
      const call = client.makeServerStreamRequest(
        method,
        () => Buffer.alloc(0),
        (bytes) => bytes,
        null,
      );
      const failed = once(call, "error").then(([error]) => error);
      await once(call, "data");
      return { failure: failed, [Symbol.asyncDispose]: async () => client.close() };
    });
    expect(failure).toMatchObject({ code: status.UNAVAILABLE });
  });
});

describe("a connection of HTTP/1.1 that is kept", () => {
  /** Asks by an agent, and tells what its connection is like. */
  async function ask(agent: https.Agent, url: string) {
    const [response] = (await once(https.get(url, { agent }), "response")) as [IncomingMessage]; // node:https's
    const socket = response.socket as tls.TLSSocket; // an answer by TLS
    const { serialNumber } = socket.getPeerCertificate();
    response.resume();
    await once(response, "end");
    return { socket, serialNumber, connection: response.headers.connection };
  }

  test("says close with its next answer, and the next connection is under the new certificate", async () => {
    await using service = await startLasting();
    const { app, authority } = service;
    const agent = new https.Agent({ keepAlive: true, maxSockets: 1, ca: authority.cert });
    const before = await ask(agent, app.url);
    expect(before).toMatchObject({ serialNumber: serialOf(service.pair), connection: "keep-alive" });
    const { pair } = service;
    await service.renew();
    app.clock.advance(AGE_MS / 2);
    const last = await ask(agent, app.url);
    expect(last).toMatchObject({ socket: before.socket, serialNumber: serialOf(pair), connection: "close" });
    const after = await ask(agent, app.url);
    expect(after).toMatchObject({ serialNumber: serialOf(service.pair), connection: "keep-alive" });
    app.clock.advance(AGE_MS);
    expect(await ask(agent, app.url)).toMatchObject({ socket: after.socket, connection: "keep-alive" });
    agent.destroy();
  });

  test("is ended when the age is over where nothing more was asked on it", async () => {
    await using service = await startLasting();
    const agent = new https.Agent({ keepAlive: true, ca: service.authority.cert });
    const { socket } = await ask(agent, service.app.url);
    await service.renew();
    const closed = once(socket, "close");
    service.app.clock.advance(AGE_MS - 1);
    expect(service.app.stats().connections).toBe(1);
    service.app.clock.advance(1);
    await closed;
    agent.destroy();
  });
});

/** Passes a connection on to a port, but for what its client says behind its first words: that waits for `release`. */
async function startHolding(port: number) {
  const held = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<void>();
  const server = createServer(async (near) => {
    const far = connect(port, "127.0.0.1");
    far.on("error", () => undefined).on("close", () => near.destroy());
    near.on("error", () => undefined).on("close", () => far.destroy());
    far.pipe(near);
    far.once("data", () => answered.resolve());
    const [hello] = await once(near, "data");
    near.pause();
    far.write(hello);
    await held.promise;
    near.pipe(far);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port, // it listens on TCP
    answered: answered.promise,
    release: held.resolve,
    [Symbol.dispose]: () => void server.close(),
  };
}

test("a connection whose handshake is half done when the certificate is renewed gives way as well", async () => {
  await using service = await startLasting();
  const { app, authority, pair } = service;
  using holding = await startHolding(service.port);
  const { port } = holding;
  const socket = tls.connect({ port, servername: "localhost", ca: authority.cert, ALPNProtocols: ["h2"] });
  const secured = once(socket, "secureConnect");
  await holding.answered; // by the certificate that is to be renewed
  await service.renew();
  holding.release();
  await secured;
  expect(socket.getPeerCertificate().serialNumber).toBe(serialOf(pair));
  socket.write(Buffer.concat([PREFACE, frame(FRAME.settings, 0, 0)]));
  const closed = once(socket.resume(), "close");
  await until(() => app.stats().connections === 1);
  app.clock.advance(AGE_MS);
  await closed;
  expect(app.stats().connections).toBe(0);
});

test("a connection without ALPN that has said nothing when it is to leave is told so once it speaks HTTP/2", async () => {
  await using service = await startLasting();
  const { app, authority, port } = service;
  const socket = tls.connect({ port, servername: "localhost", ca: authority.cert });
  await once(socket, "secureConnect");
  await until(() => app.stats().connections === 1);
  await service.renew();
  app.clock.advance(AGE_MS / 2);
  let received = "";
  socket.setEncoding("latin1").on("data", (text) => {
    received += text;
  });
  socket.write(Buffer.concat([PREFACE, frame(FRAME.settings, 0, 0)]));
  const isTold = ({ type, payload }: Frame) => type === FRAME.goaway && payload.readUInt32BE(0) === ANNOUNCED;
  await until(() => framesIn(received).some(isTold));
  socket.destroy();
});
