import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { describe, expect, test } from "vitest";
import { settingsFrame, uint32s, windowUpdateFrame } from "../../test/support/frame-server.ts";
import { FLAG, FRAME, frame, framesIn, headerBlock, PREFACE } from "../../test/support/frames.ts";
import { until } from "../../test/support/until.ts";
import { ConnectionError, type ConnectionOptions, ErrorCode, type Stream, WindowBudget } from "../http2/index.ts";
import { Http2Socket, type Http2SocketListener } from "./http2-socket.ts";

const NEVER = Number.POSITIVE_INFINITY;
const OPTIONS: ConnectionOptions = {
  role: "server",
  now: 0,
  random: () => 0.5,
  maxConcurrentStreams: 1000,
  headerListBytes: 16_384,
  outputBytes: 64 * 1024 * 1024,
  connectionWindowBytes: 1024 * 1024,
  maxStreamWindowBytes: 1024 * 1024,
  windowBudget: new WindowBudget(1024 * 1024),
  settingsTimeoutMs: NEVER,
  keepaliveMs: NEVER,
  keepaliveIdle: false,
  pingTimeoutMs: NEVER,
  idleMs: NEVER,
  maxAgeMs: NEVER,
};
const PING = 6;
const BLOCK = headerBlock([
  [":method", "GET"],
  [":scheme", "http"],
  [":path", "/"],
  [":authority", "a"],
]);
const request = (stream: number) => frame(FRAME.headers, FLAG.endHeaders | FLAG.endStream, stream, BLOCK);

/** A server's connection over loopback, and a peer that speaks by hand and has said what it must. */
async function pair(listener: Partial<Http2SocketListener> = {}) {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number }; // it listens on a port
  const peer = connect(port, "127.0.0.1").on("error", () => undefined);
  const [socket] = (await once(server, "connection")) as [Socket]; // Node's documentation
  server.close();
  let received = "";
  peer.setEncoding("latin1").on("data", (text: string) => {
    received += text;
  });
  const streams: Stream[] = [];
  const over: (ConnectionError | undefined)[] = [];
  const http2 = new Http2Socket(socket, OPTIONS, {
    onStream(stream) {
      streams.push(stream);
      return SILENT;
    },
    onPeerSettings: () => undefined,
    onGoAway: () => undefined,
    onOver: (error) => over.push(error),
    onFlushed: () => undefined,
    onBug: (error) => {
      throw error;
    },
    ...listener,
  });
  peer.write(Buffer.concat([PREFACE, settingsFrame([[4, 2 ** 30]]), windowUpdateFrame(0, 2 ** 30)]));
  return {
    http2,
    socket,
    peer,
    streams,
    over,
    frames: () => framesIn(received),
    [Symbol.dispose]() {
      peer.destroy();
      socket.destroy();
    },
  };
}

const SILENT = {
  onHead: () => undefined,
  onInformation: () => undefined,
  onData: () => undefined,
  onTrailers: () => undefined,
  onEnd: () => undefined,
  onDrain: () => undefined,
  onClose: () => undefined,
};

type Pair = Awaited<ReturnType<typeof pair>>;

/** Answers by more than the operating system takes of a peer that reads nothing. */
async function block({ http2, peer, streams, socket }: Pair): Promise<void> {
  peer.pause();
  peer.write(request(1));
  const stream = await until(() => streams[0]);
  stream.sendHead([[":status", "200"]], false);
  const body = Buffer.alloc(32 * 1024 * 1024);
  stream.sendData(body, true);
  await until(() => socket.writableNeedDrain);
  let unchanged = 0;
  for (let bytes = socket.writableLength; unchanged < 20; ) {
    await new Promise(setImmediate);
    unchanged = socket.writableNeedDrain && socket.writableLength === bytes ? unchanged + 1 : 0;
    bytes = socket.writableLength;
  }
  expect(http2.connection.pendingBytes).toBeGreaterThan(0);
}

test("what 50 streams answer in one turn is one write", async () => {
  using both = await pair();
  both.peer.write(Buffer.concat(Array.from({ length: 50 }, (_one, index) => request(1 + 2 * index))));
  await until(() => both.streams.length === 50 && both.frames().some(({ type }) => type === FRAME.settings));
  await new Promise(setImmediate);
  const handle = (both.socket as unknown as { readonly _handle: Record<string, (...args: unknown[]) => unknown> })
    ._handle; // what Node writes by, once a system call
  let writes = 0;
  for (const name of ["writeBuffer", "writev", "writeLatin1String", "writeUtf8String"]) {
    const write = handle[name];
    handle[name] = (...args) => {
      writes++;
      return write?.apply(handle, args);
    };
  }
  for (const [index, stream] of both.streams.entries()) {
    await undefined; // as handlers answer: one after the other, of the same turn
    stream.sendHead([[":status", "200"]], false);
    stream.sendData(Buffer.alloc(index % 10 === 0 ? 8000 : 10), true); // what is large is not copied together
  }
  expect(writes).toBe(0);
  await until(() => both.frames().filter(({ type }) => type === FRAME.data).length === 50);
  expect(writes).toBe(1);
});

describe("a peer that reads nothing", () => {
  test("loses its connection once it has taken nothing for the whole time, and not before", async () => {
    using both = await pair();
    await block(both);
    both.http2.tick(1000, 60_000);
    both.http2.tick(61_000, 60_000);
    expect(both.socket.destroyed).toBe(false);
    both.http2.tick(61_001, 60_000);
    expect(both.socket.destroyed).toBe(true);
    await until(() => both.over.length === 1);
    expect(both.over[0]?.message).toBe("the peer does not read");
  });

  test("begins its time anew by reading", async () => {
    using both = await pair();
    await block(both);
    both.http2.tick(1000, 60_000);
    both.peer.resume();
    await until(() => both.frames().some(({ type, flags }) => type === FRAME.data && flags === FLAG.endStream));
    await until(() => both.socket.writableLength === 0);
    both.http2.tick(100_000, 60_000);
    both.http2.tick(200_000, 60_000);
    expect(both.socket.destroyed).toBe(false);
  });

  test("has a second for the last words", async () => {
    using both = await pair();
    await block(both);
    both.http2.tick(1000, 60_000);
    both.http2.connection.fail(new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, "enough"));
    both.http2.tick(2000, 60_000);
    expect(both.socket.destroyed).toBe(false);
    both.http2.tick(2001, 60_000);
    expect(both.socket.destroyed).toBe(true);
  });

  test("is not read either once too much waits for it, and is again when it reads", async () => {
    using both = await pair();
    await block(both);
    expect(both.socket.isPaused()).toBe(false);
    const pings = 4000;
    let sent = 0;
    await until(() => {
      for (let index = 0; index < pings / 4 && !both.socket.isPaused(); index++, sent++) {
        both.streams[0]?.sendInformation([
          [":status", "103"],
          ["link", "a".repeat(1000)],
        ]);
        both.peer.write(frame(PING, 0, 0, uint32s(sent, 0)));
      }
      return both.socket.isPaused();
    });
    both.peer.resume();
    await until(() => !both.socket.isPaused() && both.socket.writableLength === 0);
  });
});

test("the last words reach a peer that goes on sending, and then the connection ends", async () => {
  using both = await pair();
  await until(() => both.frames().length > 0);
  both.peer.write(request(2)); // RFC 9113, 5.1.1: a client's streams are odd
  both.peer.write(Buffer.alloc(200_000));
  await once(both.peer, "end");
  const last = both.frames().at(-1);
  expect(last?.type).toBe(FRAME.goaway);
  expect(last?.payload.readUInt32BE(4)).toBe(ErrorCode.PROTOCOL_ERROR);
  expect(both.over).toHaveLength(1);
  both.peer.end();
  await until(() => both.socket.destroyed);
});
