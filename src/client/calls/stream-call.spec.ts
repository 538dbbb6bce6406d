import { AsyncLocalStorage } from "node:async_hooks";
import type { Transport } from "@connectrpc/connect";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { NameService } from "../../../gen/name/v1/name_pb.js";
import { testTransport } from "../../../test/support/call-transport.ts";
import {
  type FramePeer,
  frameServer,
  headFrame,
  resetFrame,
  WINDOW_UPDATE,
  windowUpdateFrame,
} from "../../../test/support/frame-server.ts";
import { FLAG, FRAME, frame, headerBlock } from "../../../test/support/frames.ts";
import { httpTarget } from "../../../test/support/http-target.ts";
import { ErrorCode } from "../../http2/index.ts";
import { envelope } from "../../wire/envelope.ts";

const method = NameService.method.processNames;
const GRPC = [["content-type", "application/grpc"]] as const;

/** A transport by gRPC, closed with the test. */
function transportTo(url: URL) {
  const target = httpTarget(url);
  const { transport, counts } = testTransport(target, url);
  const stream = (input: AsyncIterable<{ name: string }>, signal?: AbortSignal) =>
    transport.stream(method, signal, undefined, undefined, input);
  return { target, transport, counts, stream, [Symbol.dispose]: () => target.close() };
}

/** Messages of which is told how many were asked for, and whether the rest was closed, and by what. */
function upload(nameLength: number, count = Number.POSITIVE_INFINITY) {
  const { promise: closed, resolve: close } = Promise.withResolvers<unknown>();
  const state = { pulled: 0, closed };
  async function* messages() {
    let thrown: unknown;
    try {
      for (let left = count; left > 0; left--) {
        state.pulled++;
        yield { name: "x".repeat(nameLength) };
      }
    } catch (error) {
      thrown = error;
      throw error;
    } finally {
      close(thrown);
    }
  }
  return { state, messages: messages() };
}

const isHead = (stream: number) => (sent: { type: number; stream: number }) =>
  sent.type === FRAME.headers && sent.stream === stream;
const isReset = (stream: number) => (sent: { type: number; stream: number }) =>
  sent.type === FRAME.rstStream && sent.stream === stream;
const codeOf = ({ payload }: { payload: Buffer }) => payload.readUInt32BE(0);

function sentBytes(peer: FramePeer, stream: number): number {
  const data = peer.frames().filter((sent) => sent.type === FRAME.data && sent.stream === stream);
  return data.reduce((sum, { payload }) => sum + payload.length, 0);
}

/** A message of NameService with a name of `length` letters, in its envelope. */
function named(length: number): Buffer {
  const size =
    length < 128
      ? [length]
      : [(length & 127) | 128, ((length >> 7) & 127) | (length >= 1 << 14 ? 128 : 0), length >> 14];
  const header = length < 128 ? size : length < 1 << 14 ? size.slice(0, 2) : size;
  return envelope(0, Buffer.concat([Buffer.of(10, ...header), Buffer.alloc(length, "y")])) as Buffer;
}

const data = (stream: number, bytes: Uint8Array) => frame(FRAME.data, 0, stream, bytes);
const trailers = (stream: number, fields: readonly (readonly [string, string])[]) =>
  frame(FRAME.headers, FLAG.endHeaders | FLAG.endStream, stream, headerBlock(fields));
const OK = [["grpc-status", "0"]] as const;

describe("requests", () => {
  test("are asked for in the caller's context, also where the connection comes later", async () => {
    const context = new AsyncLocalStorage<string>();
    await using server = await frameServer([]);
    using client = transportTo(server.url);
    const seen: (string | undefined)[] = [];
    async function* messages() {
      for (let part = 0; part < 40; part++) {
        seen.push(context.getStore());
        yield { name: "x".repeat(10_000) };
      }
    }
    const call = context.run("mine", () => client.stream(messages()));
    const peer = await server.peer();
    peer.send(windowUpdateFrame(0, 1_000_000));
    await peer.frame(isHead(1));
    peer.send(windowUpdateFrame(1, 1_000_000));
    await peer.frame(({ type, flags }) => type === FRAME.data && flags === FLAG.endStream);
    peer.send(headFrame(1, false, GRPC), trailers(1, OK));
    await call;
    expect(seen).toEqual(Array.from({ length: 40 }, () => "mine"));
  });

  test("that fail cancel the stream, which fails with that", async () => {
    await using server = await frameServer([]);
    using client = transportTo(server.url);
    async function* messages() {
      yield { name: "a" };
      throw new ConnectError("no more", Code.DataLoss);
    }
    await expect(client.stream(messages())).rejects.toMatchObject({ code: Code.DataLoss });
    const peer = await server.peer();
    expect(codeOf(await peer.frame(isReset(1)))).toBe(ErrorCode.CANCEL);
    expect(client.counts).toEqual({ started: 1, succeeded: 0, failed: 1 });
  });

  test("are not asked for while the peer takes none", async () => {
    await using server = await frameServer([]);
    using client = transportTo(server.url);
    const { state, messages } = upload(992);
    const call = client.stream(messages);
    call.catch(() => undefined); // the test ends it
    const peer = await server.peer();
    await peer.frame(() => sentBytes(peer, 1) === 65_535);
    await peer.roundTrip();
    const { pulled } = state;
    expect(pulled).toBeLessThan(134);
    await peer.roundTrip();
    expect(state.pulled).toBe(pulled);
    peer.send(windowUpdateFrame(0, 100_000), windowUpdateFrame(1, 100_000));
    await peer.frame(() => sentBytes(peer, 1) === 165_535);
    await peer.roundTrip();
    expect(state.pulled).toBeGreaterThan(pulled);
    expect(state.pulled).toBeLessThan(234);
  });

  test("are dropped once the answer has come whole, whatever becomes of the stream", async () => {
    await using server = await frameServer([]);
    using client = transportTo(server.url);
    let peer: FramePeer | undefined;
    for (const [stream, code] of [
      [1, ErrorCode.NO_ERROR],
      [3, ErrorCode.CANCEL],
    ] as const) {
      const { state, messages } = upload(1000);
      const call = client.stream(messages);
      peer ??= await server.peer();
      await peer.frame(isHead(stream));
      peer.send(headFrame(stream, false, GRPC), data(stream, named(3)), trailers(stream, OK), resetFrame(stream, code));
      expect(await namesOf(await call)).toEqual(["yyy"]);
      await expect(state.closed).resolves.toBeUndefined();
      expect(codeOf(await peer.frame(isReset(stream)))).toBe(ErrorCode.NO_ERROR);
    }
  });

  test("that fail as they are closed take nothing from the answer", async () => {
    await using server = await frameServer([]);
    using client = transportTo(server.url);
    const failing = Promise.withResolvers<IteratorResult<{ name: string }>>();
    const iterator = {
      next: () => failing.promise,
      return: () => {
        failing.reject(new Error("closed in the middle"));
        return Promise.reject(new Error("closed in the middle"));
      },
    };
    const call = client.stream({ [Symbol.asyncIterator]: () => iterator });
    const peer = await server.peer();
    await peer.frame(isHead(1));
    peer.send(headFrame(1, false, GRPC), data(1, named(1)), trailers(1, OK));
    const response = await call;
    await expect(failing.promise).rejects.toThrow("closed in the middle");
    expect(await namesOf(response)).toEqual(["y"]);
  });
});

describe("answers", () => {
  test("come message by message, however they are cut, with their trailers at the end", async () => {
    await using server = await frameServer([]);
    using client = transportTo(server.url);
    const call = client.stream(upload(1, 1).messages);
    const peer = await server.peer();
    await peer.frame(isHead(1));
    const lengths = [0, 1, 100, 127, 128, 3000, 20_000];
    const body = Buffer.concat(lengths.map((length) => named(length)));
    peer.send(headFrame(1, false, GRPC));
    const response = await call;
    const names = namesOf(response);
    for (let at = 0, size = 1; at < body.length; at += size, size = (size * 7) % 1999) {
      peer.send(data(1, body.subarray(at, at + size)));
      await peer.roundTrip();
    }
    peer.send(trailers(1, [...OK, ["x-sum", "7"]]));
    expect((await names).map((name) => name.length)).toEqual(lengths);
    expect(response.trailer.get("x-sum")).toBe("7");
    expect(client.counts).toEqual({ started: 1, succeeded: 1, failed: 0 });
  });

  test("that nobody reads hold the peer up, and reading lets it go on", async () => {
    await using server = await frameServer([]);
    using client = transportTo(server.url);
    const call = client.stream(upload(1, 1).messages);
    const peer = await server.peer();
    await peer.frame(isHead(1));
    const message = named(16_383 - 9); // four of them are 3 bytes short of the window
    peer.send(headFrame(1, false, GRPC), ...Array.from({ length: 4 }, () => data(1, message.subarray(0, 16_383))));
    const iterator = (await call).message[Symbol.asyncIterator]();
    await peer.roundTrip();
    const isUpdate = (sent: { type: number; stream: number }) => sent.type === WINDOW_UPDATE && sent.stream === 1;
    expect(peer.frames().filter(isUpdate)).toEqual([]);
    await Promise.all([iterator.next(), iterator.next(), iterator.next(), iterator.next()]);
    expect(codeOf(await peer.frame(isUpdate))).toBeGreaterThanOrEqual(16_383);
  });

  test("end with the signal at once, with its reason, also for whoever reads again", async () => {
    await using server = await frameServer([]);
    using client = transportTo(server.url);
    const controller = new AbortController();
    const { state, messages } = upload(1000);
    const call = client.stream(messages, controller.signal);
    const peer = await server.peer();
    await peer.frame(isHead(1));
    peer.send(headFrame(1, false, GRPC), data(1, named(3)));
    const iterator = (await call).message[Symbol.asyncIterator]();
    await iterator.next();
    const reason = new ConnectError("enough", Code.DeadlineExceeded);
    const failed = expect(iterator.next()).rejects.toBe(reason);
    controller.abort(reason);
    await failed;
    await expect(iterator.next()).rejects.toBe(reason);
    expect(codeOf(await peer.frame(isReset(1)))).toBe(ErrorCode.CANCEL);
    await expect(state.closed).resolves.toBe(reason);
  });

  test("are broken off with the connection", async () => {
    await using server = await frameServer([]);
    using client = transportTo(server.url);
    const call = client.stream(upload(1, 1).messages);
    const peer = await server.peer();
    await peer.frame(isHead(1));
    peer.send(headFrame(1, false, GRPC));
    const names = expect(call.then(namesOf)).rejects.toMatchObject({
      code: Code.Unavailable,
      rawMessage: /^the connection to http:\/\/127.0.0.1:\d+ was lost: /,
    });
    await call;
    peer.socket.resetAndDestroy();
    await names;
  });

  test.each(["return", "throw"] as const)("cancel the stream where an interceptor leaves them by %s", async (way) => {
    await using server = await frameServer([]);
    const target = httpTarget(server.url);
    let left = false;
    const { transport } = testTransport(target, server.url, {
      interceptors: [
        (next) => async (request) => {
          const response = await next(request);
          if (response.stream) {
            const iterator = response.message[Symbol.asyncIterator]();
            await iterator[way]?.(new Error("left")).catch(() => undefined);
            left = true;
          }
          return response;
        },
      ],
    });
    const { state, messages } = upload(1000);
    const call = transport.stream(method, undefined, undefined, undefined, messages);
    const peer = await server.peer();
    await peer.frame(isHead(1));
    peer.send(headFrame(1, false, GRPC));
    expect(await namesOf(await call)).toEqual([]);
    expect(left).toBe(true);
    expect(codeOf(await peer.frame(isReset(1)))).toBe(ErrorCode.CANCEL);
    await state.closed;
    target.close();
  });
});

async function namesOf(response: Awaited<ReturnType<Transport["stream"]>>): Promise<string[]> {
  const names: string[] = [];
  for await (const message of response.message) names.push((message as { name?: string }).name ?? "");
  return names;
}
