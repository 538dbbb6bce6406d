import { AsyncLocalStorage } from "node:async_hooks";
import { once } from "node:events";
import { IncomingMessage } from "node:http";
import { Socket } from "node:net";
import { Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { finished, pipeline } from "node:stream/promises";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { memoryExchange, turn } from "../../test/support/memory-stream.ts";
import { keepWebMembers, webMessages } from "./web-messages.ts";

describe("the head", () => {
  test("is told as node:http tells it", () => {
    const { request } = memoryExchange({
      method: "PUT",
      path: "/a%20b?c=d",
      fields: [
        ["accept", "a"],
        ["cookie", "a=1"],
        ["accept", "b"],
        ["cookie", "b=2"],
        ["set-cookie", "c"],
        ["set-cookie", "d"],
        ["user-agent", "first"],
        ["user-agent", "second"],
      ],
    });
    expect(request).toMatchObject({
      method: "PUT",
      url: "/a%20b?c=d",
      httpVersion: "2.0",
      httpVersionMajor: 2,
      httpVersionMinor: 0,
    });
    expect(request.headers).toEqual({
      host: "example.test",
      accept: "a, b",
      cookie: "a=1; b=2",
      "set-cookie": ["c", "d"],
      "user-agent": "first",
    });
    expect(request.headersDistinct).toEqual({
      host: ["example.test"],
      accept: ["a", "b"],
      cookie: ["a=1", "b=2"],
      "set-cookie": ["c", "d"],
      "user-agent": ["first", "second"],
    });
    expect(request.rawHeaders.slice(0, 4)).toEqual(["host", "example.test", "accept", "a"]);
  });

  test("has a host as sent, or of the authority, or none", () => {
    expect(memoryExchange({ fields: [["host", "a"]], authority: "a" }).request.rawHeaders).toEqual(["host", "a"]);
    expect(memoryExchange({ authority: undefined }).request.headers).toEqual({});
  });

  test("is joined as IncomingMessage joins it, whatever the fields are", () => {
    const names = [
      "age",
      "host",
      "cookie",
      "set-cookie",
      "etag",
      "x-a",
      "accept",
      "__proto__",
      "constructor",
      "server",
    ];
    const field = fc.tuple(fc.constantFrom(...names), fc.stringMatching(/^[a-z0-9]{0,3}$/));
    fc.assert(
      fc.property(fc.array(field), (fields) => {
        const { request } = memoryExchange({ fields, authority: undefined });
        const theirs = new IncomingMessage(new Socket());
        for (const [name, value] of fields) theirs.rawHeaders.push(name, value);
        // What node:http's parser calls with the head: there is no public way to make one of lines.
        const { _addHeaderLines: add } = theirs as unknown as { _addHeaderLines(raw: string[], count: number): void };
        add.call(theirs, theirs.rawHeaders, theirs.rawHeaders.length);
        const seen = (headers: object) => Object.entries(headers).filter(([name]) => name !== "__proto__");
        expect(seen(request.headers)).toEqual(seen(theirs.headers));
        expect(seen(request.headersDistinct)).toEqual(seen(theirs.headersDistinct));
      }),
    );
  });
});

describe("the body", () => {
  test("is read whole, what came before the application and what comes after, and then it closes", async () => {
    const { stream, request, events } = memoryExchange({ method: "POST", body: "be", isOpen: true });
    const read = text(request);
    await turn();
    stream.send("gun");
    stream.end({ "x-sum": "1" });
    expect(await read).toBe("begun");
    await turn();
    expect(request).toMatchObject({ complete: true, aborted: false, trailers: { "x-sum": "1" }, destroyed: true });
    expect(request.trailersDistinct).toEqual({ "x-sum": ["1"] });
    expect(request.rawTrailers).toEqual(["x-sum", "1"]);
    expect(events).toEqual(["request end", "request close"]);
  });

  test("is acknowledged only as somebody reads", async () => {
    const { stream, request } = memoryExchange({ method: "POST", isOpen: true });
    for (let part = 0; part < 64; part++) stream.send(Buffer.alloc(16 * 1024));
    await turn();
    expect(stream.acknowledgedBytes).toBe(0);
    request.once("readable", () => undefined);
    await turn();
    const ahead = stream.acknowledgedBytes;
    expect(ahead).toBeGreaterThan(0);
    expect(ahead).toBeLessThanOrEqual(request.readableHighWaterMark + 16 * 1024);
    request.resume();
    await turn();
    expect(stream.acknowledgedBytes).toBe(64 * 16 * 1024);
  });

  test("of which more is asked at once than is kept ahead is no deadlock", async () => {
    const { stream, request } = memoryExchange({ method: "POST", isOpen: true });
    const bytes = 512 * 1024;
    let sent = 0;
    const parts: Buffer[] = [];
    request.on("readable", () => {
      const part: Buffer | null = request.read(bytes);
      if (part !== null) parts.push(part);
    });
    while (sent < bytes) {
      // Like a peer with a window of 64 KiB.
      expect(sent - stream.acknowledgedBytes).toBeLessThan(64 * 1024);
      stream.send(Buffer.alloc(16 * 1024));
      sent += 16 * 1024;
      await turn();
    }
    stream.end();
    await turn();
    expect(Buffer.concat(parts)).toHaveLength(bytes);
  });

  test("can be paused, piped and decoded as any stream", async () => {
    const { stream, request } = memoryExchange({ method: "POST", body: "é".repeat(10), isOpen: true });
    request.setEncoding("utf8");
    const seen: string[] = [];
    const sink = new Writable({
      decodeStrings: false,
      write(chunk: string, _encoding, done) {
        seen.push(chunk);
        setImmediate(done);
      },
    });
    const [first, second] = [Buffer.from("é").subarray(0, 1), Buffer.from("é").subarray(1)];
    stream.send(first);
    stream.send(second);
    stream.end();
    await pipeline(request, sink);
    expect(seen.join("")).toBe("é".repeat(11));
  });
});

describe("a peer that goes away in the middle", () => {
  test("is told by aborted, error and close", async () => {
    const { stream, request, events } = memoryExchange({ method: "POST", body: "a", isOpen: true });
    const { signal } = request;
    const failed = once(request, "error");
    stream.cancel();
    expect(await failed).toMatchObject([{ code: "ECONNRESET", message: "aborted" }]);
    await turn();
    expect(request).toMatchObject({ aborted: true, complete: false, destroyed: true });
    expect(signal.aborted).toBe(true);
    expect(events).toEqual(["request aborted", "response close", "request close"]);
  });

  test("is no error where nobody listens", async () => {
    const { stream, request, response, events } = memoryExchange({ method: "POST", isOpen: true });
    request.resume();
    stream.cancel();
    await turn();
    expect(request.aborted).toBe(true);
    expect(response).toMatchObject({ destroyed: true, writableFinished: false });
    expect(events).toContain("request close");
  });

  test("fails whoever reads", async () => {
    const { stream, request } = memoryExchange({ method: "POST", body: "a", isOpen: true });
    const read = text(request);
    await turn();
    stream.cancel();
    await expect(read).rejects.toMatchObject({ code: "ECONNRESET" });
    const other = memoryExchange({ method: "POST", isOpen: true });
    const over = finished(other.request);
    other.stream.cancel();
    await expect(over).rejects.toThrow();
  });

  test("does so after a whole request, too, as long as it is not answered", async () => {
    const { stream, events } = memoryExchange();
    stream.cancel();
    await turn();
    expect(events).toEqual(["request aborted", "response close", "request close"]);
  });
});

test("to destroy a request in the middle resets its stream, and its response goes with it", async () => {
  const { stream, request, events } = memoryExchange({ method: "POST", body: "abc", isOpen: true });
  request.destroy();
  await turn();
  expect(stream.resets).toEqual([2]);
  expect(stream.acknowledgedBytes).toBe(3);
  expect(events).toEqual(["request aborted", "response close", "request close"]);
});

test("an upload that nobody reads is no obstacle to its answer, and closes with it", async () => {
  const { stream, request, response, closed, events } = memoryExchange({ method: "POST", body: "abc", isOpen: true });
  const errors: unknown[] = [];
  request.on("error", (error) => errors.push(error));
  response.end("not interested");
  await closed;
  await turn();
  await turn();
  expect(stream.body.toString()).toBe("not interested");
  expect(request.destroyed).toBe(true);
  expect(errors).toEqual([]);
  expect(events.at(-1)).toBe("request close");
});

test("whoever still reads an upload after its answer learns that it breaks off", async () => {
  const { request, response } = memoryExchange({ method: "POST", body: "abc", isOpen: true });
  const read = text(request);
  response.end();
  await expect(read).rejects.toMatchObject({ code: "ECONNRESET" });
});

test("a request that nobody looked at ends and closes with its answer", async () => {
  const { response, closed, events } = memoryExchange();
  response.end();
  await closed;
  await turn();
  expect(events).toEqual(["response finish", "response close", "request end", "request close"]);
});

test("what an application throws in an event is not thrown at the engine", async () => {
  const { stream, request } = memoryExchange({ method: "POST", isOpen: true });
  const thrown: unknown[] = [];
  const others = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.once("uncaughtException", (error) => thrown.push(error));
  try {
    request.on("data", () => {
      throw new Error("its own affair");
    });
    await turn();
    expect(() => stream.send("a")).not.toThrow();
    await turn();
  } finally {
    for (const listener of others) process.on("uncaughtException", listener);
  }
  expect(thrown).toMatchObject([{ message: "its own affair" }]);
});

describe("the connection as a request sees it", () => {
  test("tells what the socket tells", () => {
    const { request, response } = memoryExchange({ isEncrypted: true });
    expect(request.socket).toBe(response.socket);
    expect(request.connection).toBe(request.socket);
    expect(request.socket).toBeInstanceOf(Socket);
    expect(request.socket).toMatchObject({ remoteAddress: "203.0.113.7", encrypted: true, readable: true });
    expect("encrypted" in memoryExchange().request.socket).toBe(false);
    expect(request.socket.address()).toEqual({});
  });

  test("is destroyed as the stream alone, and closes with it", async () => {
    const { stream, socket, request } = memoryExchange();
    const closed = once(request.socket, "close");
    expect(socket.listenerCount("close")).toBe(new Socket().listenerCount("close"));
    request.socket.destroy();
    await closed;
    expect(stream.resets).toEqual([2]);
    expect(request.socket.destroyed).toBe(true);
    expect(socket.destroyed).toBe(false);
  });

  test("can neither be written nor read, and keeps to itself what is set on it", () => {
    const { request, socket } = memoryExchange();
    for (const act of [() => request.socket.write("x"), () => request.socket.resume()]) {
      expect(act).toThrow(expect.objectContaining({ code: "ERR_HTTP2_NO_SOCKET_MANIPULATION" }));
    }
    expect(request.socket.setNoDelay().setKeepAlive()).toBe(request.socket);
    Object.assign(request.socket, { _meta: 1 });
    expect(request.socket).toHaveProperty("_meta", 1);
    expect(socket).not.toHaveProperty("_meta");
  });
});

describe("setTimeout", () => {
  test("tells when nothing has come or gone for so long", async () => {
    const { clock, stream, request, response } = memoryExchange({ method: "POST", isOpen: true });
    let heard = 0;
    request.setTimeout(1000, () => heard++);
    clock.advance(900);
    stream.send("a");
    clock.advance(900);
    expect(heard).toBe(0);
    response.write("a");
    clock.advance(900);
    expect(heard).toBe(0);
    clock.advance(200);
    expect(heard).toBe(1);
    expect(stream.isClosed).toBe(false);
  });

  test("ends the exchange where nobody listens, unless it was taken back", async () => {
    const ended = memoryExchange();
    ended.response.setTimeout(1000);
    ended.clock.advance(1001);
    expect(ended.stream.resets).toEqual([2]);
    const other = memoryExchange();
    other.response.setTimeout(1000);
    other.request.setTimeout(0);
    other.clock.advance(5000);
    expect(other.stream.resets).toEqual([]);
  });
});

test("a request that has got another prototype, made from node:http's, is still one", async () => {
  const { stream, request, response } = memoryExchange({ method: "POST", body: "a", isOpen: true });
  keepWebMembers(request, response);
  Object.setPrototypeOf(request, Object.create(IncomingMessage.prototype));
  expect(request.headers).toEqual({ host: "example.test" });
  expect(request.signal.aborted).toBe(false);
  const read = text(request);
  stream.send("b");
  stream.end({ "x-sum": "1" });
  expect(await read).toBe("ab");
  expect(request.trailers).toEqual({ "x-sum": "1" });
});

test("messages of a stream that is gone by then close", async () => {
  const { stream, socket, clock } = memoryExchange();
  stream.cancel();
  const head = { method: "GET", path: "/", authority: "a", fields: [] };
  const { request, response } = webMessages(stream, { head, socket, clock });
  await once(response, "close");
  expect(request.aborted).toBe(true);
});

test("what an application hears of is in the asynchronous context in which the messages were made", async () => {
  const calls = new AsyncLocalStorage<string>();
  const { stream, request, response } = calls.run("call", () => memoryExchange({ method: "POST", isOpen: true }));
  const heard: unknown[] = [];
  request.on("data", () => heard.push(calls.getStore()));
  request.on("aborted", () => heard.push(calls.getStore()));
  response.on("close", () => heard.push(calls.getStore()));
  await turn();
  calls.run("connection", () => stream.send("a"));
  await turn();
  calls.run("connection", () => stream.cancel());
  await turn();
  expect(heard).toEqual(["call", "call", "call"]);
});
