import { AsyncLocalStorage } from "node:async_hooks";
import { spawn } from "node:child_process";
import { subscribe } from "node:diagnostics_channel";
import { getEventListeners, once } from "node:events";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Code, createClient } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { GreeterService } from "../../../gen/greeter/v1/greeter_pb.js";
import { testTransport } from "../../../test/support/call-transport.ts";
import {
  type FramePeer,
  type FrameServer,
  frameServer,
  goAwayFrame,
  headFrame,
  PING,
  settingsFrame,
  windowUpdateFrame,
} from "../../../test/support/frame-server.ts";
import { FLAG, FRAME, type Frame, frame } from "../../../test/support/frames.ts";
import { ask } from "../../../test/support/http-request.ts";
import { httpTarget, type TargetOptions } from "../../../test/support/http-target.ts";
import { until } from "../../../test/support/until.ts";
import { ErrorCode } from "../../http2/index.ts";
import { createTestClock, type TestClock } from "../../service/test-clock.ts";

const MAX_CONCURRENT_STREAMS = 3;
const MAX_HEADER_LIST_SIZE = 6;

function clientOf(url: URL, options: TargetOptions = {}) {
  const target = httpTarget(url, options);
  return {
    target,
    get: async (signal?: AbortSignal) => (await ask(target, url, signal && { signal })).status,
    [Symbol.dispose]: () => target.close(),
  };
}

/** A clock that tells how many timers wait for it. */
function countingClock(): TestClock & { readonly timers: number } {
  const clock = createTestClock();
  const timers = new Set<object>();
  return {
    now: clock.now,
    advance: clock.advance,
    schedule(delayMs, callback) {
      const key = {};
      timers.add(key);
      const timer = clock.schedule(delayMs, () => {
        timers.delete(key);
        callback();
      });
      return {
        cancel() {
          timers.delete(key);
          timer.cancel();
        },
      };
    },
    get timers() {
      return timers.size;
    },
  };
}

/** Every socket of a client: those without a call are hidden from what Node tells of a process. */
const clientSockets: Socket[] = [];
subscribe("net.client.socket", (message) => {
  clientSockets.push((message as { readonly socket: Socket }).socket); // Node's documentation
});

const isHead = (stream: number) => (sent: Frame) => sent.type === FRAME.headers && sent.stream === stream;
const headsOf = (peer: FramePeer) =>
  peer
    .frames()
    .filter(({ type }) => type === FRAME.headers)
    .map(({ stream }) => stream);
const isPing = ({ type, flags }: Frame) => type === PING && flags === 0;
const isGoAway = ({ type }: Frame) => type === FRAME.goaway;
const pong = ({ payload }: Frame) => frame(PING, FLAG.ack, 0, payload);
const settingsAck = frame(FRAME.settings, FLAG.ack, 0);

/** Answers stream `id` on the next connection, or `peer`. */
async function answer(server: FrameServer, id: number, known?: FramePeer): Promise<FramePeer> {
  const peer = known ?? (await server.peer());
  await peer.frame(isHead(id));
  peer.send(headFrame(id, true));
  return peer;
}

describe("connecting", () => {
  test("that is refused fails with the target and the reason", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number }; // it listens on a port
    server.close();
    await once(server, "close");
    using client = clientOf(new URL(`http://127.0.0.1:${port}`));
    await expect(client.get()).rejects.toMatchObject({
      code: Code.Unavailable,
      rawMessage: `the connection to http://127.0.0.1:${port} could not be made: ECONNREFUSED`,
      cause: { code: "ECONNREFUSED" },
    });
    expect(client.target.state()).toBe("failed");
  });

  test("to a peer that accepts and says nothing ends in time", async () => {
    await using server = await frameServer();
    const clock = createTestClock();
    using client = clientOf(server.url, { clock });
    const failed = expect(Promise.all([client.get(), client.get()])).rejects.toMatchObject({
      code: Code.Unavailable,
      rawMessage: `the connection to ${server.url.origin} could not be made: not connected within 5000 ms: the peer's SETTINGS have not come`,
    });
    const peer = await server.peer();
    await peer.frame(({ type }) => type === FRAME.settings);
    clock.advance(4900);
    expect(client.target.state()).toBe("connecting");
    expect(headsOf(peer)).toEqual([]);
    clock.advance(101);
    await failed;
    expect(client.target.state()).toBe("failed");
    client.target.close();
    await until(() => clientSockets.every(({ destroyed }) => destroyed));
  });

  test("to a peer that speaks something else, or hangs up, fails", async () => {
    for (const [words, reason] of [
      ["HTTP/1.1 400 Bad Request\r\n\r\n", /could not be made: /],
      ["", /could not be made: the connection was closed/],
    ] as const) {
      const server = createServer((socket) => {
        socket.on("error", () => undefined).resume();
        socket.end(words);
      }).listen(0, "127.0.0.1");
      await once(server, "listening");
      const { port } = server.address() as { port: number }; // it listens on a port
      using client = clientOf(new URL(`http://127.0.0.1:${port}`));
      await expect(client.get()).rejects.toMatchObject({ code: Code.Unavailable, rawMessage: reason });
      server.close();
      await once(server, "close");
    }
  });

  test("is begun anew by the call after the one that failed", async () => {
    await using server = await frameServer([]);
    using client = clientOf(server.url);
    const failed = expect(client.get()).rejects.toMatchObject({ code: Code.Unavailable });
    const peer = await server.peer();
    await peer.frame(isHead(1));
    peer.socket.destroy();
    await failed;
    const again = client.get();
    await answer(server, 1);
    await expect(again).resolves.toBe(200);
    expect(server.connections).toBe(2);
  });
});

describe("a peer that reads nothing any more", () => {
  /** Uploads until the operating system takes no more. */
  async function uploadTo(server: FrameServer) {
    const target = httpTarget(server.url);
    const response = ask(target, server.url, { method: "POST", body: Buffer.alloc(64 * 1024 * 1024) });
    const failed = expect(response).rejects.toMatchObject({ code: Code.Unavailable, rawMessage: /was lost/ });
    const peer = await server.peer();
    await peer.frame(isHead(1));
    peer.socket.pause();
    peer.send(windowUpdateFrame(0, 2 ** 30), windowUpdateFrame(1, 2 ** 30));
    for (let blockedTurns = 0; blockedTurns < 50; ) {
      await new Promise(setImmediate);
      blockedTurns = target.connections.at(-1)?.isBlocked ? blockedTurns + 1 : 0;
    }
    return { target, peer, failed };
  }

  test("and will send nothing has its calls fail at once", async () => {
    await using server = await frameServer([]);
    const { peer, failed } = await uploadTo(server);
    peer.socket.end();
    await failed;
  });

  test("does not hold up the end", async () => {
    await using server = await frameServer([]);
    const { target, failed } = await uploadTo(server);
    target.close();
    await failed;
    await until(() => clientSockets.at(-1)?.destroyed);
  });
});

test("a connection holds on to nothing of the call that it was made for", async () => {
  await using server = await frameServer([]);
  using client = clientOf(server.url);
  const context = new AsyncLocalStorage<object>();
  let peer: FramePeer | undefined;
  const held = await (async () => {
    const store = { large: true };
    const call = context.run(store, () => client.get());
    peer = await answer(server, 1);
    await call;
    return new WeakRef(store);
  })();
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void; // what the flag exposes
  await until(() => {
    collect();
    return held.deref() === undefined;
  });
  await peer?.roundTrip();
  expect(client.target.state()).toBe("ready");
});

test("thousands of calls whose heads the peer does not take fail one by one", async () => {
  await using server = await frameServer([[MAX_HEADER_LIST_SIZE, 10]]);
  using client = clientOf(server.url);
  const calls = Array.from({ length: 9000 }, () => client.get());
  const outcomes = await Promise.allSettled(calls);
  expect(outcomes.filter(({ status }) => status === "rejected")).toHaveLength(9000);
  expect(client.target.state()).toBe("ready");
});

describe("the peer's limit of streams", () => {
  test("has the others wait, in order, and may change under way", async () => {
    await using server = await frameServer([[MAX_CONCURRENT_STREAMS, 1]]);
    using client = clientOf(server.url);
    const calls = Array.from({ length: 6 }, () => client.get());
    const peer = await server.peer();
    await peer.frame(isHead(1));
    await peer.roundTrip();
    expect(headsOf(peer)).toEqual([1]);
    peer.send(headFrame(1, true));
    await peer.frame(isHead(3));
    await peer.roundTrip();
    expect(headsOf(peer)).toEqual([1, 3]);
    peer.send(settingsFrame([[MAX_CONCURRENT_STREAMS, 3]]));
    await peer.frame(isHead(7));
    await peer.roundTrip();
    expect(headsOf(peer)).toEqual([1, 3, 5, 7]);
    peer.send(settingsFrame([[MAX_CONCURRENT_STREAMS, 1]]), headFrame(3, true), headFrame(5, true));
    await peer.roundTrip();
    expect(headsOf(peer)).toEqual([1, 3, 5, 7]);
    peer.send(headFrame(7, true));
    for (const stream of [9, 11]) await answer(server, stream, peer);
    await expect(Promise.all(calls)).resolves.toEqual([200, 200, 200, 200, 200, 200]);
  });

  test("leaves who waits their own signals, and whoever is one too many is told at once", async () => {
    await using server = await frameServer([[MAX_CONCURRENT_STREAMS, 0]]);
    using client = clientOf(server.url, { maxWaiting: 2 });
    const controller = new AbortController();
    const first = expect(client.get(controller.signal)).rejects.toMatchObject({ code: Code.Canceled });
    const second = client.get();
    await expect(client.get()).rejects.toMatchObject({ code: Code.ResourceExhausted });
    controller.abort();
    await first;
    const peer = await server.peer();
    peer.send(settingsFrame([[MAX_CONCURRENT_STREAMS, 10]]));
    await answer(server, 1, peer);
    await expect(second).resolves.toBe(200);
    expect(headsOf(peer)).toEqual([1]);
  });
});

describe("a connection that the peer leaves", () => {
  test("finishes what the peer has taken, has fail what it refuses, and what waited goes to another", async () => {
    await using server = await frameServer([[MAX_CONCURRENT_STREAMS, 2]]);
    using client = clientOf(server.url);
    const [taken, refused, waiting] = [client.get(), client.get(), client.get()];
    const failed = expect(refused).rejects.toMatchObject({ code: Code.Unavailable });
    const peer = await server.peer();
    await peer.frame(isHead(3));
    peer.send(goAwayFrame(1));
    await failed;
    await answer(server, 1);
    await expect(waiting).resolves.toBe(200);
    peer.send(headFrame(1, true));
    await expect(taken).resolves.toBe(200);
    await once(peer.socket, "end");
    expect(client.target.state()).toBe("ready");
    expect(server.connections).toBe(2);
  });

  test("in two phases loses no call", async () => {
    await using server = await frameServer([]);
    using client = clientOf(server.url);
    const calls = [client.get(), client.get()];
    const peer = await server.peer();
    await peer.frame(isHead(3));
    peer.send(goAwayFrame(2 ** 31 - 1));
    await peer.roundTrip();
    peer.send(goAwayFrame(3), headFrame(1, true), headFrame(3, true));
    await expect(Promise.all(calls)).resolves.toEqual([200, 200]);
  });

  test("for want of identifiers is replaced, and what it carries ends in order", async () => {
    await using server = await frameServer([[MAX_CONCURRENT_STREAMS, 1]]);
    using client = clientOf(server.url, { maxStreams: 2 });
    const calls = [client.get(), client.get(), client.get()];
    const peer = await server.peer();
    await answer(server, 1, peer);
    await peer.frame(isHead(3));
    const other = await answer(server, 1);
    await answer(server, 3, peer);
    await expect(Promise.all(calls)).resolves.toEqual([200, 200, 200]);
    await peer.frame(isGoAway);
    await once(peer.socket, "end");
    expect(other.frames().filter(isGoAway)).toEqual([]);
  });
});

describe("keepalive", () => {
  const FIVE_MINUTES_MS = 5 * 60_000;

  test("asks after five minutes of silence with a call open, and not without one", async () => {
    await using server = await frameServer([]);
    const clock = createTestClock();
    using client = clientOf(server.url, { clock, idleTimeoutMs: 24 * 60 * 60_000 });
    const first = client.get();
    const peer = await answer(server, 1);
    peer.send(settingsAck);
    await first;
    await peer.roundTrip();
    clock.advance(1000);
    clock.advance(2 * FIVE_MINUTES_MS);
    clock.advance(1000);
    await peer.roundTrip();
    expect(peer.frames().filter(isPing)).toEqual([]);

    const second = client.get();
    await peer.frame(isHead(3));
    await peer.roundTrip();
    clock.advance(1000); // has heard of the peer
    clock.advance(FIVE_MINUTES_MS - 1000);
    await peer.roundTrip();
    expect(peer.frames().filter(isPing)).toEqual([]);
    clock.advance(1000); // has heard of the peer again
    clock.advance(FIVE_MINUTES_MS + 1000);
    peer.send(pong(await peer.frame(isPing)));
    await peer.roundTrip();
    clock.advance(11_000);
    peer.send(headFrame(3, true));
    await expect(second).resolves.toBe(200);
  });

  test("that is asked for after a long time without a call leaves the peer its time to answer", async () => {
    await using server = await frameServer([]);
    const clock = createTestClock();
    using client = clientOf(server.url, { clock });
    const first = client.get();
    const peer = await answer(server, 1);
    peer.send(settingsAck);
    await first;
    await peer.roundTrip();
    clock.advance(1000); // the tick that finds nothing under way
    clock.advance(14 * 60_000);
    const second = client.get();
    await peer.frame(isHead(3));
    client.target.connections[0]?.ping();
    clock.advance(1000);
    peer.send(pong(await peer.frame(isPing)), headFrame(3, true));
    await expect(second).resolves.toBe(200);
    expect(server.connections).toBe(1);
  });

  test("that is not answered ends the connection, and its calls are unavailable", async () => {
    await using server = await frameServer([]);
    const clock = createTestClock();
    using client = clientOf(server.url, { clock });
    const failed = expect(client.get()).rejects.toMatchObject({
      code: Code.Unavailable,
      rawMessage: expect.stringContaining("was lost: a PING was not answered in time"),
    });
    const peer = await server.peer();
    peer.send(settingsAck);
    await peer.frame(isHead(1));
    await peer.roundTrip();
    clock.advance(1000);
    clock.advance(FIVE_MINUTES_MS + 1000);
    await peer.frame(isPing);
    clock.advance(11_000);
    await failed;
    expect(client.target.state()).toBe("connecting");
  });

  test("comes half as often after the peer found it too often, on the connections that follow", async () => {
    await using server = await frameServer([]);
    const clock = createTestClock();
    using client = clientOf(server.url, { clock });
    const failed = expect(client.get()).rejects.toMatchObject({ code: Code.Unavailable });
    const first = await server.peer();
    await first.frame(isHead(1));
    first.send(goAwayFrame(0, ErrorCode.ENHANCE_YOUR_CALM, "too_many_pings"));
    await failed;
    const call = client.get();
    const peer = await server.peer();
    peer.send(settingsAck);
    await peer.frame(isHead(1));
    await peer.roundTrip();
    clock.advance(1000);
    clock.advance(FIVE_MINUTES_MS + 2000);
    await peer.roundTrip();
    expect(peer.frames().filter(isPing)).toEqual([]);
    clock.advance(1000); // has heard of the peer
    clock.advance(2 * FIVE_MINUTES_MS + 1000);
    await peer.frame(isPing);
    peer.send(headFrame(1, true));
    await expect(call).resolves.toBe(200);
  });
});

describe("without a call", () => {
  test("a connection stays for 15 minutes, and then leaves in order", async () => {
    await using server = await frameServer([]);
    const clock = createTestClock();
    using client = clientOf(server.url, { clock });
    const first = client.get();
    const peer = await answer(server, 1);
    peer.send(settingsAck);
    await first;
    await peer.roundTrip();
    clock.advance(1000); // the tick that finds nothing under way
    clock.advance(14 * 60_000);
    const second = client.get();
    await answer(server, 3, peer);
    await expect(second).resolves.toBe(200);
    clock.advance(1000);
    clock.advance(14 * 60_000);
    expect(client.target.state()).toBe("ready");
    clock.advance(61_000);
    expect(client.target.state()).toBe("idle");
    await peer.frame(isGoAway);
    await once(peer.socket, "end");
    const third = client.get();
    await answer(server, 1);
    await expect(third).resolves.toBe(200);
  });

  test("a connection does not keep the process alive; with one it does", async () => {
    await using server = await frameServer([]);
    const script = `
      import { httpTarget } from "./test/support/http-target.ts";
      import { ask } from "./test/support/http-request.ts";
      const target = httpTarget(new URL("${server.url}"));
      for (let call = 0; call < 2; call++) {
        const { status, whole } = await ask(target, "${server.url}");
        await whole;
        await new Promise(setImmediate);
        console.log(status);
      }
    `;
    const child = spawn(process.execPath, ["--conditions=portico-source", "--input-type=module", "-e", script], {
      cwd: join(import.meta.dirname, "../../.."),
      stdio: ["ignore", "pipe", "inherit"],
    });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
    const ended = once(child, "close");
    const peer = await answer(server, 1);
    await peer.frame(isHead(3));
    await peer.roundTrip();
    await answer(server, 3, peer);
    expect(await ended).toEqual([0, null]);
    expect(output).toBe("200\n200\n");
  });
});

describe("closing", () => {
  test("ends what is under way, what waits, and what is being connected", async () => {
    await using server = await frameServer([[MAX_CONCURRENT_STREAMS, 1]]);
    const lost = { code: Code.Unavailable, rawMessage: /the channel was closed/ };
    const client = clientOf(server.url);
    const calls = [client.get(), client.get()].map((call) => expect(call).rejects.toMatchObject(lost));
    const peer = await server.peer();
    await peer.frame(isHead(1));
    client.target.close();
    await Promise.all(calls);
    await once(peer.socket, "close");
    const other = clientOf(server.url);
    const connecting = expect(other.get()).rejects.toMatchObject(lost);
    other.target.close();
    await connecting;
    await until(() => clientSockets.every(({ destroyed }) => destroyed));
  });

  test("leaves no timer of a connection that was being made, nor of one without a call", async () => {
    await using silent = await frameServer();
    const clock = countingClock();
    const connecting = clientOf(silent.url, { clock });
    const failed = expect(connecting.get()).rejects.toMatchObject({ code: Code.Unavailable });
    expect(clock.timers).toBeGreaterThan(0);
    connecting.target.close();
    await failed;
    expect(clock.timers).toBe(0);

    await using server = await frameServer([]);
    const idle = clientOf(server.url, { clock });
    const call = idle.get();
    const peer = await answer(server, 1);
    await call;
    await peer.roundTrip();
    clock.advance(1000); // the tick that finds nothing under way
    expect(clock.timers).toBeGreaterThan(0);
    idle.target.close();
    expect(clock.timers).toBe(0);
  });

  test("is for good: a call that comes later is refused, and nothing connects again", async () => {
    await using server = await frameServer([]);
    const client = clientOf(server.url);
    const call = client.get();
    await answer(server, 1);
    await call;
    client.target.close();
    const { signal } = new AbortController();
    await expect(client.get(signal)).rejects.toMatchObject({
      code: Code.Unavailable,
      rawMessage: `the channel to ${server.url.origin} is closed`,
    });
    expect(getEventListeners(signal, "abort")).toEqual([]);
    expect(server.connections).toBe(1);
  });

  test("leaves nothing behind after 1,000 calls, of every end", async () => {
    await using server = await frameServer([[MAX_CONCURRENT_STREAMS, 100]]);
    const clock = countingClock();
    const client = clientOf(server.url, { clock });
    const controller = new AbortController();
    let listeners = 0;
    const { signal } = controller;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners++;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners--;
      remove(...args);
    };
    const { transport } = testTransport(client.target, server.url, { protocol: "connect" });
    const greeter = createClient(GreeterService, transport);
    const calls = Array.from({ length: 1000 }, () => greeter.sayHello({}, { signal }));
    const outcomes = Promise.allSettled(calls);
    const peer = await server.peer();
    for (let stream = 1; stream < 2000; stream += 2) {
      await peer.frame(isHead(stream));
      const reset = frame(FRAME.rstStream, 0, stream, Buffer.of(0, 0, 0, 8));
      peer.send(stream % 4 === 1 ? headFrame(stream, true, [["content-type", "application/proto"]]) : reset);
    }
    const settled = await outcomes;
    expect(settled.filter(({ status }) => status === "fulfilled")).toHaveLength(500);
    expect(listeners).toBe(0);
    const connection = client.target.connections.at(-1);
    expect(connection?.state).toBe("ready");
    expect(clock.timers).toBeLessThan(5);
    client.target.close();
    expect(clock.timers).toBe(0);
    await until(() => clientSockets.every(({ destroyed }) => destroyed));
  });
});
