import { once } from "node:events";
import * as http2 from "node:http2";
import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { BehaviourService } from "../../../test/behaviour/gen/behaviour/v1/behaviour_pb.js";
import { frameServer, goAwayFrame, headFrame, resetFrame, settingsFrame } from "../../../test/support/frame-server.ts";
import { FLAG, FRAME, frame, headerBlock } from "../../../test/support/frames.ts";
import { type Asked, ask } from "../../../test/support/http-request.ts";
import { httpTarget } from "../../../test/support/http-target.ts";
import { ErrorCode } from "../../http2/index.ts";
import { createChannel } from "../channel.ts";

/** A target, closed with the test. */
function clientOf(url: URL) {
  const target = httpTarget(url);
  return {
    target,
    send: (path: string, asked: Asked = {}) => ask(target, new URL(path, url), asked),
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

const isReset = (stream: number) => (sent: { type: number; stream: number }) =>
  sent.type === FRAME.rstStream && sent.stream === stream;
const codeOf = ({ payload }: { payload: Buffer }) => payload.readUInt32BE(0);
const isHead = (stream: number) => (sent: { type: number; stream: number }) =>
  sent.type === FRAME.headers && sent.stream === stream;

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
    const answer = await client.send("/a%20b?c=d", { method: "PUT", header, body: Buffer.from("part") });
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
    const { text, trailer } = await answer.whole;
    expect(text).toBe("part");
    expect([...trailer]).toEqual([["x-sum", "ok"]]);
  });

  test("without a body ends with its head, and an answer without one with its own", async () => {
    await using server = await frameServer([]);
    using client = clientOf(server.url);
    const response = client.send("/");
    const peer = await server.peer();
    const head = await peer.frame(isHead(1));
    expect(head.flags & FLAG.endStream).toBe(FLAG.endStream);
    peer.send(headFrame(1, true, [["grpc-status", "0"]]));
    const { header, whole } = await response;
    expect(header.get("grpc-status")).toBe("0");
    expect(await whole).toEqual({ text: "", trailer: new Headers() });
  });

  test("whose head the peer does not take fails alone", async () => {
    await using server = await frameServer([[6, 1000]]);
    using client = clientOf(server.url);
    const header = new Headers({ "x-large": "x".repeat(2000) });
    await expect(client.send("/", { header, body: Buffer.from("a") })).rejects.toThrow(
      /takes header lists of \d+ bytes/,
    );
    const peer = await server.peer();
    const response = client.send("/");
    const { stream } = await peer.frame(({ type }) => type === FRAME.headers);
    peer.send(headFrame(stream, true));
    expect((await response).status).toBe(200);
    expect(peer.frames().filter(({ type }) => type === FRAME.rstStream)).toEqual([]); // on a stream that never was
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
    ["NO_ERROR", Code.Unavailable],
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
    await expect(response.then(({ whole }) => whole)).rejects.toMatchObject({ code });
    expect(server.connections).toBe(1);
  });

  test("is broken off when the connection is lost, and what was not answered fails", async () => {
    await using server = await frameServer([]);
    using client = clientOf(server.url);
    const one = client.send("/one");
    const two = client.send("/two");
    const peer = await server.peer();
    await peer.frame(isHead(3));
    peer.send(headFrame(1), frame(FRAME.data, 0, 1, Buffer.from("begin")));
    const { whole } = await one;
    const lost = { code: Code.Unavailable, rawMessage: /^the connection to http:\/\/127.0.0.1:\d+ was lost: / };
    const failed = Promise.all([expect(two).rejects.toMatchObject(lost), expect(whole).rejects.toMatchObject(lost)]);
    peer.socket.resetAndDestroy();
    await failed;
    expect(client.target.state()).toBe("connecting");
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
    expect(client.target.state()).toBe("ready");
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
    await expect(response.then(({ whole }) => whole)).rejects.toMatchObject({ code: Code.ResourceExhausted });
    expect(client.target.state()).toBe("ready");
  });
});

describe("a call whose answer has begun is not sent again", () => {
  type Behaviour = Client<typeof BehaviourService>;
  const grpc = [["content-type", "application/grpc+proto"]] as const;

  describe.each([
    ["by REFUSED_STREAM", resetFrame(1, ErrorCode.REFUSED_STREAM)],
    ["by GOAWAY, whose last stream is one before it", goAwayFrame(0)],
  ])("where it is refused %s", (_how, refusal) => {
    test.each([
      ["a unary one", (client: Behaviour) => client.act({ text: "x" })],
      ["a stream", (client: Behaviour) => client.watch({ text: "x" })[Symbol.asyncIterator]().next()],
    ])("%s", async (_what, call) => {
      await using server = await frameServer([]);
      await using channel = createChannel(server.url.href);
      const failed = expect(call(createClient(BehaviourService, channel))).rejects.toMatchObject({
        code: Code.Unavailable,
      });
      const peer = await server.peer();
      await peer.frame(isHead(1));
      peer.send(headFrame(1, false, grpc), refusal);
      await failed;
      expect(channel.stats()).toMatchObject({ transparentRetriesStarted: 0, retriesStarted: 0, callsActive: 0 });
      expect(peer.frames().filter(({ type }) => type === FRAME.headers)).toHaveLength(1);
    });
  });
});

describe("cancellation", () => {
  test("before anything is sent sends nothing", async () => {
    await using server = await frameServer([]);
    using client = clientOf(server.url);
    const reason = new ConnectError("too late", Code.DeadlineExceeded);
    const controller = new AbortController();
    const waiting = expect(client.send("/", { signal: controller.signal })).rejects.toBe(reason);
    controller.abort(reason);
    await waiting;
    const peer = await server.peer();
    await peer.roundTrip();
    expect(peer.frames().filter(({ type }) => type === FRAME.headers)).toEqual([]);
  });

  test("resets the stream at once, even when its window is full", async () => {
    await using server = await frameServer([[4, 0]]);
    using client = clientOf(server.url);
    const controller = new AbortController();
    const asked = { method: "POST", signal: controller.signal, body: Buffer.alloc(100_000) };
    const failed = expect(client.send("/", asked)).rejects.toMatchObject({ code: Code.Canceled });
    const peer = await server.peer();
    await peer.frame(isHead(1));
    await peer.roundTrip();
    controller.abort();
    await failed;
    expect(codeOf(await peer.frame(isReset(1)))).toBe(ErrorCode.CANCEL);
    expect(peer.frames().filter(({ type }) => type === FRAME.data)).toEqual([]);
  });
});

test("the peer's initial window may change while bodies wait", async () => {
  await using server = await frameServer([[4, 0]]);
  using client = clientOf(server.url);
  const response = client.send("/", { method: "POST", body: Buffer.alloc(1000) });
  const peer = await server.peer();
  await peer.frame(isHead(1));
  const data = () => peer.frames().filter(({ type }) => type === FRAME.data);
  const sentBytes = () => data().reduce((sum, { payload }) => sum + payload.length, 0);
  peer.send(settingsFrame([[4, 600]]));
  await peer.frame(() => sentBytes() === 600);
  peer.send(settingsFrame([[4, 1000]]));
  await peer.frame(({ type, flags }) => type === FRAME.data && flags === FLAG.endStream);
  expect(sentBytes()).toBe(1000);
  peer.send(headFrame(1, true));
  await response;
});
