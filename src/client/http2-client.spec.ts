import { AsyncLocalStorage } from "node:async_hooks";
import { once } from "node:events";
import * as http2 from "node:http2";
import { Code, ConnectError } from "@connectrpc/connect";
import type { UniversalClientRequest } from "@connectrpc/connect/protocol";
import { describe, expect, test } from "vitest";
import {
  type FramePeer,
  frameServer,
  headFrame,
  resetFrame,
  settingsFrame,
  WINDOW_UPDATE,
  windowUpdateFrame,
} from "../../test/support/frame-server.ts";
import { FLAG, FRAME, frame, headerBlock } from "../../test/support/frames.ts";
import { ErrorCode } from "../http2/index.ts";
import { createHttp2Client } from "./http2-client.ts";
import { createHttp2Target } from "./http2-target.ts";

/** A client, closed with the test. */
function clientOf(url: URL) {
  const target = createHttp2Target(url);
  const client = createHttp2Client(target);
  return {
    target,
    send: (path: string, request: Partial<UniversalClientRequest> = {}) =>
      client({ method: "POST", header: new Headers(), url: new URL(path, url).href, ...request }),
    [Symbol.dispose]: () => target.close(),
  };
}

async function nodeServer(onStream: (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void) {
  const server = http2.createServer();
  const sessions = new Set<http2.ServerHttp2Session>();
  server.on("session", (session) => sessions.add(session.on("error", () => undefined)));
  server.on("stream", (stream: http2.ServerHttp2Stream, headers) => {
    stream.on("error", () => undefined);
    onStream(stream, headers);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number }; // it listens on a port
  return {
    url: new URL(`http://127.0.0.1:${port}`),
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

/** A body of which is told how much was asked for, and whether it was closed. */
function upload(part: Uint8Array, parts = Number.POSITIVE_INFINITY) {
  const { promise: closed, resolve: close } = Promise.withResolvers<void>();
  const state = { pulled: 0, closed };
  async function* body() {
    try {
      for (let left = parts; left > 0; left--) {
        state.pulled += part.length;
        yield part;
      }
    } finally {
      close();
    }
  }
  return { state, body: body() };
}

async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  let text = "";
  for await (const bytes of body) text += Buffer.from(bytes).toString("latin1");
  return text;
}

const isReset = (stream: number) => (sent: { type: number; stream: number }) =>
  sent.type === FRAME.rstStream && sent.stream === stream;
const codeOf = ({ payload }: { payload: Buffer }) => payload.readUInt32BE(0);
const isHead = (stream: number) => (sent: { type: number; stream: number }) =>
  sent.type === FRAME.headers && sent.stream === stream;

/** What the client has sent of a body. */
function sentBytes(peer: FramePeer, stream: number): number {
  const data = peer.frames().filter((sent) => sent.type === FRAME.data && sent.stream === stream);
  return data.reduce((sum, { payload }) => sum + payload.length, 0);
}

describe("a request", () => {
  test("goes out as it is given, and its answer comes back whole, interim answers aside", async () => {
    let asked: http2.IncomingHttpHeaders = {};
    await using server = await nodeServer((stream, headers) => {
      asked = headers;
      stream.additionalHeaders({ ":status": 103, link: "</a>" });
      stream.respond({ ":status": 201, "x-a": "1", "x-b": ["2", "3"] }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "x-sum": "ok" }));
      stream.pipe(stream);
    });
    using client = clientOf(server.url);
    const header = new Headers({ te: "trailers", "x-c": "d", connection: "close", host: "elsewhere.test:1" });
    const { body } = upload(Buffer.from("part "), 3);
    const answer = await client.send("/a%20b?c=d", { method: "PUT", header, body });
    expect(asked).toMatchObject({
      ":method": "PUT",
      ":path": "/a%20b?c=d",
      ":scheme": "http",
      ":authority": "elsewhere.test:1",
      te: "trailers",
      "x-c": "d",
    });
    expect(asked).not.toHaveProperty("connection");
    expect(answer.status).toBe(201);
    expect(answer.header.get("x-a")).toBe("1");
    expect(answer.header.get("x-b")).toBe("2, 3");
    const iterator = answer.body[Symbol.asyncIterator]();
    let text = "";
    for (let part = await iterator.next(); !part.done; part = await iterator.next()) {
      text += Buffer.from(part.value).toString();
    }
    expect(text).toBe("part part part ");
    expect([...answer.trailer]).toEqual([["x-sum", "ok"]]);
    await expect(iterator.next()).resolves.toEqual({ done: true, value: undefined });
  });

  test("without a body ends with its head, and an answer without one with its own", async () => {
    await using server = await frameServer([]);
    using client = clientOf(server.url);
    const response = client.send("/", { method: "GET" });
    const peer = await server.peer();
    const head = await peer.frame(isHead(1));
    expect(head.flags & FLAG.endStream).toBe(FLAG.endStream);
    peer.send(headFrame(1, true, [["grpc-status", "0"]]));
    const { header, body, trailer } = await response;
    expect(header.get("grpc-status")).toBe("0");
    expect(await textOf(body)).toBe("");
    expect([...trailer]).toEqual([]);
  });

  test("to another origin is refused", async () => {
    using client = clientOf(new URL("http://127.0.0.1:1"));
    await expect(client.send("http://127.0.0.1:2/")).rejects.toMatchObject({ code: Code.Internal });
    expect(client.target.state()).toBe("idle");
  });

  test("whose head the peer does not take fails alone", async () => {
    await using server = await frameServer([[6, 1000]]);
    using client = clientOf(server.url);
    const header = new Headers({ "x-large": "x".repeat(2000) });
    const { state, body } = upload(Buffer.from("a"));
    await expect(client.send("/", { header, body })).rejects.toThrow(/takes header lists of \d+ bytes/);
    expect(state.pulled).toBe(0);
    const peer = await server.peer();
    const response = client.send("/", { method: "GET" });
    const { stream } = await peer.frame(({ type }) => type === FRAME.headers);
    peer.send(headFrame(stream, true));
    expect((await response).status).toBe(200);
    expect(peer.frames().filter(({ type }) => type === FRAME.rstStream)).toEqual([]); // on a stream that never was
  });

  test("has its body asked for in the caller's context, also where the connection comes later", async () => {
    const context = new AsyncLocalStorage<string>();
    await using server = await nodeServer((stream) => {
      stream.respond();
      stream.pipe(stream);
    });
    using client = clientOf(server.url);
    const seen: (string | undefined)[] = [];
    async function* body() {
      for (let part = 0; part < 40; part++) {
        seen.push(context.getStore());
        yield Buffer.alloc(10_000);
      }
    }
    const answer = await context.run("mine", () => client.send("/", { body: body() }));
    expect((await textOf(answer.body)).length).toBe(400_000);
    expect(new Set(seen)).toEqual(new Set(["mine"]));
  });

  test("whose body fails is cancelled, and fails with that", async () => {
    await using server = await frameServer([]);
    using client = clientOf(server.url);
    async function* body() {
      yield Buffer.from("a");
      throw new ConnectError("no more", Code.DataLoss);
    }
    await expect(client.send("/", { body: body() })).rejects.toMatchObject({ code: Code.DataLoss });
    const peer = await server.peer();
    expect(codeOf(await peer.frame(isReset(1)))).toBe(ErrorCode.CANCEL);
  });
});

describe("an answer", () => {
  test.each([
    ["REFUSED_STREAM", Code.Unavailable],
    ["CANCEL", Code.Canceled],
    ["ENHANCE_YOUR_CALM", Code.ResourceExhausted],
    ["INADEQUATE_SECURITY", Code.PermissionDenied],
    ["HTTP_1_1_REQUIRED", Code.PermissionDenied],
    ["PROTOCOL_ERROR", Code.Internal],
    ["INTERNAL_ERROR", Code.Internal],
    ["CONNECT_ERROR", Code.Internal],
    ["STREAM_CLOSED", Code.Internal],
    ["NO_ERROR", Code.Internal],
  ] as const)("that %s takes the place of, or breaks off, fails accordingly", async (name, code) => {
    await using server = await frameServer([]);
    using client = clientOf(server.url);
    const failed = expect(client.send("/")).rejects.toMatchObject({ code, rawMessage: expect.stringContaining(name) });
    const peer = await server.peer();
    await peer.frame(isHead(1));
    peer.send(resetFrame(1, ErrorCode[name]));
    await failed;
    const response = client.send("/");
    await peer.frame(isHead(3));
    peer.send(headFrame(3), frame(FRAME.data, 0, 3, Buffer.from("begin")), resetFrame(3, ErrorCode[name]));
    await expect(response.then(({ body }) => textOf(body))).rejects.toMatchObject({ code });
    expect(server.connections).toBe(1);
  });

  test("that came whole is one, whatever becomes of the stream, and the rest of the request is dropped", async () => {
    await using server = await frameServer([]);
    using client = clientOf(server.url);
    let peer: FramePeer | undefined;
    for (const [stream, code] of [
      [1, ErrorCode.NO_ERROR],
      [3, ErrorCode.CANCEL],
    ] as const) {
      const { state, body } = upload(Buffer.alloc(1000));
      const response = client.send("/", { body });
      peer ??= await server.peer();
      await peer.frame(isHead(stream));
      const data = frame(FRAME.data, FLAG.endStream, stream, Buffer.from("early"));
      peer.send(headFrame(stream), data, resetFrame(stream, code));
      expect(await textOf((await response).body)).toBe("early");
      await state.closed;
      expect(codeOf(await peer.frame(isReset(stream)))).toBe(ErrorCode.NO_ERROR);
    }
    expect(client.target.state()).toBe("open");
  });

  test("that came whole is not lost to a request's body that fails as it is closed", async () => {
    await using server = await frameServer([]);
    using client = clientOf(server.url);
    const failing = Promise.withResolvers<IteratorResult<Uint8Array>>();
    const iterator = {
      next: () => failing.promise,
      return: () => {
        failing.reject(new Error("closed in the middle"));
        return Promise.reject(new Error("closed in the middle"));
      },
    };
    const response = client.send("/", { body: { [Symbol.asyncIterator]: () => iterator } });
    const peer = await server.peer();
    await peer.frame(isHead(1));
    peer.send(headFrame(1), frame(FRAME.data, FLAG.endStream, 1, Buffer.from("early")));
    const { body } = await response;
    await peer.frame(isReset(1));
    await expect(failing.promise).rejects.toThrow("closed in the middle");
    await peer.roundTrip();
    expect(await textOf(body)).toBe("early");
  });

  test("is broken off when the connection is lost, and what was not answered fails", async () => {
    await using server = await frameServer([]);
    using client = clientOf(server.url);
    const one = client.send("/one");
    const two = client.send("/two");
    const peer = await server.peer();
    await peer.frame(isHead(3));
    peer.send(headFrame(1), frame(FRAME.data, 0, 1, Buffer.from("begin")));
    const { body } = await one;
    const lost = { code: Code.Unavailable, rawMessage: /^the connection to http:\/\/127.0.0.1:\d+ was lost: / };
    const failed = Promise.all([
      expect(two).rejects.toMatchObject(lost),
      expect(textOf(body)).rejects.toMatchObject(lost),
    ]);
    peer.socket.resetAndDestroy();
    await failed;
    expect(client.target.state()).toBe("idle");
  });

  test("that breaks the rules fails alone", async () => {
    await using server = await frameServer([]);
    using client = clientOf(server.url);
    const failed = expect(client.send("/")).rejects.toMatchObject({ code: Code.Internal });
    const peer = await server.peer();
    await peer.frame(isHead(1));
    peer.send(
      frame(
        FRAME.headers,
        FLAG.endHeaders,
        1,
        headerBlock([
          [":status", "200"],
          ["X-Upper", "1"],
        ]),
      ),
    );
    await failed;
    expect(codeOf(await peer.frame(isReset(1)))).toBe(ErrorCode.PROTOCOL_ERROR);
    expect(client.target.state()).toBe("open");
  });

  test("whose head or trailers are larger than is taken fails, instead of losing fields", async () => {
    await using server = await frameServer([]);
    using client = clientOf(server.url);
    const fields = Array.from({ length: 20 }, (_, index) => [`x-${index}`, "x".repeat(4000)] as const);
    const large = (stream: number, more: readonly (readonly [string, string])[]) => {
      const block = headerBlock([...more, ...fields]);
      const frames: Buffer[] = [];
      for (let at = 0; at < block.length; at += 16_000) {
        const flags = at + 16_000 >= block.length ? FLAG.endHeaders : 0;
        const part = block.subarray(at, at + 16_000);
        frames.push(
          at === 0
            ? frame(FRAME.headers, flags | FLAG.endStream, stream, part)
            : frame(FRAME.continuation, flags, stream, part),
        );
      }
      return frames;
    };
    const failed = expect(client.send("/")).rejects.toMatchObject({ code: Code.ResourceExhausted });
    const peer = await server.peer();
    await peer.frame(isHead(1));
    peer.send(...large(1, [[":status", "200"]]));
    await failed;
    const response = client.send("/");
    await peer.frame(isHead(3));
    peer.send(headFrame(3), ...large(3, []));
    await expect(response.then(({ body }) => textOf(body))).rejects.toMatchObject({ code: Code.ResourceExhausted });
    expect(client.target.state()).toBe("open");
  });
});

describe("back-pressure", () => {
  test("of a slow reader stops a fast server, and reading lets it go on", async () => {
    await using server = await frameServer([]);
    using client = clientOf(server.url);
    const response = client.send("/", { method: "GET" });
    const peer = await server.peer();
    await peer.frame(isHead(1));
    const parts = Array.from({ length: 4 }, () => frame(FRAME.data, 0, 1, Buffer.alloc(16_383)));
    peer.send(headFrame(1), ...parts); // 3 bytes short of the window
    const iterator = (await response).body[Symbol.asyncIterator]();
    await peer.roundTrip();
    const isUpdate = (sent: { type: number; stream: number }) => sent.type === WINDOW_UPDATE && sent.stream === 1;
    expect(peer.frames().filter(isUpdate)).toEqual([]);
    expect((await iterator.next()).value?.length).toBe(65_532);
    expect(codeOf(await peer.frame(isUpdate))).toBeGreaterThanOrEqual(65_532);
  });

  test("of a slow server stops whoever gives the request's body", async () => {
    await using server = await frameServer([]);
    using client = clientOf(server.url);
    const { state, body } = upload(Buffer.alloc(1000));
    const response = client.send("/", { body });
    response.catch(() => undefined); // the test ends it
    const peer = await server.peer();
    await peer.frame(() => sentBytes(peer, 1) === 65_535);
    await peer.roundTrip();
    const { pulled } = state;
    expect(pulled).toBeLessThan(65_535 + 66 * 1024);
    await peer.roundTrip();
    expect(state.pulled).toBe(pulled);
    peer.send(windowUpdateFrame(0, 100_000), windowUpdateFrame(1, 100_000));
    await peer.frame(() => sentBytes(peer, 1) === 165_535);
    await peer.roundTrip();
    expect(state.pulled).toBeGreaterThan(165_535);
    expect(state.pulled).toBeLessThan(165_535 + 66 * 1024);
  });
});

describe("cancellation", () => {
  test("before anything is sent sends nothing", async () => {
    await using server = await frameServer([]);
    using client = clientOf(server.url);
    const reason = new ConnectError("too late", Code.DeadlineExceeded);
    await expect(client.send("/", { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(client.target.state()).toBe("idle");
    const controller = new AbortController();
    const { state, body } = upload(Buffer.from("a"));
    const waiting = expect(client.send("/", { signal: controller.signal, body })).rejects.toBe(reason);
    controller.abort(reason);
    await waiting;
    expect(state.pulled).toBe(0);
    const peer = await server.peer();
    await peer.roundTrip();
    expect(peer.frames().filter(({ type }) => type === FRAME.headers)).toEqual([]);
  });

  test("resets the stream at once, even when its window is full, and closes the request's body", async () => {
    await using server = await frameServer([[4, 0]]);
    using client = clientOf(server.url);
    const controller = new AbortController();
    const { state, body } = upload(Buffer.alloc(100_000));
    const failed = expect(client.send("/", { signal: controller.signal, body })).rejects.toMatchObject({
      code: Code.Canceled,
    });
    const peer = await server.peer();
    await peer.frame(isHead(1));
    await peer.roundTrip();
    controller.abort();
    await failed;
    expect(codeOf(await peer.frame(isReset(1)))).toBe(ErrorCode.CANCEL);
    await state.closed;
    expect(sentBytes(peer, 1)).toBe(0);
  });

  test("breaks off an answer under way, with the signal's reason", async () => {
    await using server = await frameServer([]);
    using client = clientOf(server.url);
    const controller = new AbortController();
    const response = client.send("/", { signal: controller.signal });
    const peer = await server.peer();
    await peer.frame(isHead(1));
    peer.send(headFrame(1), frame(FRAME.data, 0, 1, Buffer.from("begin")));
    const iterator = (await response).body[Symbol.asyncIterator]();
    await iterator.next();
    const reason = new ConnectError("enough", Code.DeadlineExceeded);
    const failed = expect(iterator.next()).rejects.toBe(reason);
    controller.abort(reason);
    await failed;
    await expect(iterator.next()).rejects.toBe(reason);
    expect(codeOf(await peer.frame(isReset(1)))).toBe(ErrorCode.CANCEL);
  });

  test.each(["break", "return before the first part", "throw"])("by a reader who leaves: %s", async (way) => {
    await using server = await frameServer([]);
    using client = clientOf(server.url);
    const { state, body } = upload(Buffer.alloc(1000));
    const response = client.send("/", { body });
    const peer = await server.peer();
    await peer.frame(isHead(1));
    peer.send(headFrame(1), frame(FRAME.data, 0, 1, Buffer.from("begin")));
    const answer = (await response).body;
    if (way === "break") {
      for await (const bytes of answer) {
        expect(Buffer.from(bytes).toString()).toBe("begin");
        break;
      }
    } else if (way === "throw") {
      await expect(answer[Symbol.asyncIterator]().throw?.(new Error("no"))).rejects.toThrow("no");
    } else {
      await answer[Symbol.asyncIterator]().return?.();
    }
    expect(codeOf(await peer.frame(isReset(1)))).toBe(ErrorCode.CANCEL);
    await state.closed;
    await expect(answer[Symbol.asyncIterator]().next()).resolves.toMatchObject({ done: true });
  });

  test("of a part that a reader waits for ends the wait", async () => {
    await using server = await frameServer([]);
    using client = clientOf(server.url);
    const response = client.send("/");
    const peer = await server.peer();
    await peer.frame(isHead(1));
    peer.send(headFrame(1));
    const iterator = (await response).body[Symbol.asyncIterator]();
    const waiting = iterator.next();
    await iterator.return?.();
    await expect(waiting).resolves.toMatchObject({ done: true });
  });
});

test("the peer's initial window may change while bodies wait", async () => {
  await using server = await frameServer([[4, 0]]);
  using client = clientOf(server.url);
  const { body } = upload(Buffer.alloc(1000), 1);
  const response = client.send("/", { body });
  const peer = await server.peer();
  await peer.frame(isHead(1));
  peer.send(settingsFrame([[4, 600]]));
  await peer.frame(() => sentBytes(peer, 1) === 600);
  peer.send(settingsFrame([[4, 1000]]));
  await peer.frame(({ type, flags }) => type === FRAME.data && flags === FLAG.endStream);
  expect(sentBytes(peer, 1)).toBe(1000);
  peer.send(headFrame(1, true));
  await response;
});
