import { request } from "node:http";
import { connect } from "node:http2";
import { Readable } from "node:stream";
import Koa from "koa";
import { defineService, implement } from "portico";
import { startTest } from "portico/testing";
import { expect, test } from "vitest";
import { GreeterService } from "../../gen/greeter/v1/greeter_pb.js";
import { rawSocket } from "../support/raw-socket.ts";
import { until } from "../support/until.ts";

const CHUNK = "x".repeat(256 * 1024);
/** What sockets of this machine and node:http2's windows may hold between a writer and a reader that does not read. */
const MAX_CHUNKS_UNREAD = 64;
const CHUNKS = 1024;

/** A service whose answers are far larger than what is ever between it and a reader; it counts what it made. */
function flooding() {
  const made = { began: 0, chunks: 0, ended: 0 };
  const service = defineService({
    name: "flooding",
    routes: () => [
      implement(GreeterService, {
        sayHello: () => ({}),
        async *sayHelloToEach() {
          made.began++;
          try {
            for (; made.chunks < CHUNKS; made.chunks++) yield { greeting: CHUNK };
          } finally {
            made.ended++;
          }
        },
      }),
    ],
    http: () => {
      const koa = new Koa();
      koa.use((context) => {
        const chunks = function* () {
          made.began++;
          for (; made.chunks < CHUNKS; made.chunks++) yield CHUNK;
        };
        context.body = Readable.from(chunks(), { highWaterMark: 1 }).on("close", () => made.ended++);
      });
      return koa;
    },
  });
  return { service, made };
}

/** Waits until an answer has begun and no more of it is made. */
async function settled(made: {
  readonly began: number;
  readonly chunks: number;
}): Promise<{ readonly chunks: number }> {
  await until(() => made.began > 0);
  let before = -1;
  return until(async () => {
    const now = made.chunks;
    const stands = now === before;
    before = now;
    await new Promise((resolve) => setTimeout(resolve, 100));
    return stands ? { chunks: now } : undefined;
  });
}

const STREAM_PATH = "/greeter.v1.GreeterService/SayHelloToEach";
/** An enveloped empty request. */
const EMPTY_REQUEST = Buffer.alloc(5);

test("a handler waits for a reader over HTTP/1.1 that does not read, and ends when it goes away", async () => {
  const { service, made } = flooding();
  await using app = await startTest(service);
  using peer = await rawSocket(app.url);
  peer.socket.pause();
  const head = `POST ${STREAM_PATH} HTTP/1.1\r\nhost: a\r\ncontent-type: application/connect+proto\r\ncontent-length: 5\r\n\r\n`;
  await peer.send(Buffer.concat([Buffer.from(head), EMPTY_REQUEST]));
  expect((await settled(made)).chunks).toBeLessThan(MAX_CHUNKS_UNREAD);
  peer.socket.resetAndDestroy();
  await until(() => made.ended === 1);
});

test("a handler waits for a reader over HTTP/2 that does not read, and other streams go on", async () => {
  const { service, made } = flooding();
  await using app = await startTest(service);
  const session = connect(app.url);
  const stream = session.request({ ":method": "POST", ":path": STREAM_PATH, "content-type": "application/grpc" });
  stream.on("error", () => undefined);
  stream.end(EMPTY_REQUEST);
  expect((await settled(made)).chunks).toBeLessThan(MAX_CHUNKS_UNREAD);
  const other = session.request({ ":path": "/readyz" });
  const status = await new Promise((resolve) => other.on("response", (headers) => resolve(headers[":status"])));
  expect(status).toBe(200);
  stream.close(8);
  await until(() => made.ended === 1);
  session.destroy();
});

test("a stream of the web application waits for its reader, and ends when it goes away", async () => {
  const { service, made } = flooding();
  await using app = await startTest(service);
  using peer = await rawSocket(app.url);
  peer.socket.pause();
  await peer.send("GET /flood HTTP/1.1\r\nhost: a\r\n\r\n");
  expect((await settled(made)).chunks).toBeLessThan(MAX_CHUNKS_UNREAD);
  peer.socket.resetAndDestroy();
  await until(() => made.ended === 1);
});

test("a reader that begins to read gets everything", async () => {
  const { service } = flooding();
  await using app = await startTest(service);
  const bytes = await new Promise<number>((resolve, reject) => {
    request(`${app.url}/flood`, async (response) => {
      let total = 0;
      for await (const chunk of response) total += Buffer.byteLength(chunk);
      resolve(total);
    })
      .on("error", reject)
      .end();
  });
  expect(bytes).toBe(CHUNKS * CHUNK.length);
});

test("a reader that never reads is cut off after the idle time", async () => {
  const { service, made } = flooding();
  await using app = await startTest(service);
  using peer = await rawSocket(app.url);
  peer.socket.pause();
  await peer.send("GET /flood HTTP/1.1\r\nhost: a\r\n\r\n");
  await settled(made);
  app.clock.advance(1001);
  app.clock.advance(5 * 60_000 + 1000);
  await until(() => made.ended === 1);
});
