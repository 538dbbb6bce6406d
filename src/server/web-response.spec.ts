import { once } from "node:events";
import { IncomingMessage, type RequestListener, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { finished, pipeline } from "node:stream/promises";
import express from "express";
import Fastify from "fastify";
import Koa from "koa";
import { describe, expect, test } from "vitest";
import { type AskedOfMemory, memoryExchange, turn } from "../../test/support/memory-stream.ts";
import { keepWebMembers, type WebMessages } from "./web-messages.ts";

describe.each([
  ["as it is", () => undefined],
  [
    "with another prototype, made from node:http's",
    (messages: WebMessages) => {
      keepWebMembers(messages.request, messages.response);
      Object.setPrototypeOf(messages.request, Object.create(IncomingMessage.prototype));
      Object.setPrototypeOf(messages.response, Object.create(ServerResponse.prototype));
    },
  ],
])("a response %s", (_, change) => {
  function setUp(asked?: AskedOfMemory) {
    const exchange = memoryExchange(asked);
    change(exchange);
    return exchange;
  }

  test("that is known whole is a head with its length, and one frame", async () => {
    const { stream, response, closed, events } = setUp();
    response.setHeader("X-Kind", "a");
    expect(response.end("é")).toBe(response);
    expect(response).toMatchObject({ headersSent: true, finished: true, writableEnded: true, statusCode: 200 });
    await closed;
    expect(stream.sent).toEqual(["200", "DATA 2 END"]);
    expect(stream.fields).toEqual([
      [":status", "200"],
      ["x-kind", "a"],
      ["date", expect.stringMatching(/GMT$/)],
      ["content-length", "2"],
    ]);
    expect(stream.body.toString()).toBe("é");
    expect(events.filter((event) => event.startsWith("response"))).toEqual(["response finish", "response close"]);
    expect(stream.resets).toEqual([]);
  });

  test("without a body is one frame", async () => {
    const { stream, response, closed } = setUp();
    response.writeHead(404).end(null);
    await closed;
    expect(stream.sent).toEqual(["404 END"]);
    const other = setUp();
    other.response.end();
    expect(other.stream.header.get("content-length")).toBe("0");
  });

  test("that is streamed says nothing of its length", async () => {
    const { stream, response, closed } = setUp();
    response.write("a");
    response.write("");
    expect(response.headersSent).toBe(true);
    response.end(Buffer.from("b"));
    await closed;
    expect(stream.sent).toEqual(["200", "DATA 1", "DATA 1 END"]);
    expect(stream.header.has("content-length")).toBe(false);
  });

  test("calls back, whatever the overload", async () => {
    const { response, closed } = setUp();
    const called: string[] = [];
    response.write("61", "hex", () => called.push("write"));
    response.write("b", () => called.push("write"));
    response.end("c", "latin1", () => called.push("end"));
    await closed;
    expect(called).toEqual(["write", "write", "end"]);
    for (const parameters of [[() => called.push("end")], ["c", () => called.push("end")]]) {
      const other = setUp();
      other.response.end(parameters[0], parameters[1]);
      await other.closed;
    }
    expect(called).toHaveLength(5);
  });

  test.each([
    ["HEAD", "GET", 200],
    ["204", "GET", 204],
    ["304", "GET", 304],
  ])("to %s has no body, whatever is written", async (name, _method, status) => {
    const { stream, response, closed, events } = setUp({ method: name === "HEAD" ? "HEAD" : "GET" });
    response.statusCode = status;
    response.setHeader("content-length", 3);
    expect(response.write("abc")).toBe(true);
    response.end("def");
    await closed;
    expect(stream.sent).toEqual([`${status} END`]);
    expect(stream.header.get("content-length")).toBe(status === 204 ? null : "3");
    expect(events).toContain("response finish");
  });

  test("to HEAD gets no length that is not its own", async () => {
    const { stream, response } = setUp({ method: "HEAD" });
    response.end();
    expect(stream.header.has("content-length")).toBe(false);
  });

  test("has the fields that were set, appended, removed and written", () => {
    const { stream, response } = setUp();
    response.setHeader("X-One", 1).appendHeader("x-one", "2").setHeader("x-gone", "a");
    response.removeHeader("X-Gone");
    response.setHeaders(
      new Headers([
        ["set-cookie", "a=1"],
        ["set-cookie", "b=2"],
        ["x-map", " edges "],
      ]),
    );
    expect(response.getHeader("x-ONE")).toEqual(["1", "2"]);
    expect(response.getHeaderNames()).toEqual(["x-one", "x-map", "set-cookie"]);
    expect(response.getRawHeaderNames()).toEqual(["X-One", "x-map", "set-cookie"]);
    expect(response.hasHeader("X-Map")).toBe(true);
    expect({ ...response.getHeaders() }).toEqual({
      "x-one": ["1", "2"],
      "x-map": response.getHeader("x-map"),
      "set-cookie": ["a=1", "b=2"],
    });
    response.setHeader("x-edges", " \ta b ");
    expect(response.writeHead(201, "reason", { "X-Map": "written", "content-type": "a" })).toBe(response);
    response.end();
    expect(stream.fields.filter(([field]) => field !== "date")).toEqual([
      [":status", "201"],
      ["x-one", "1"],
      ["x-one", "2"],
      ["x-map", "written"],
      ["set-cookie", "a=1"],
      ["set-cookie", "b=2"],
      ["x-edges", "a b"],
      ["content-type", "a"],
    ]);
  });

  test.each([
    ["a flat list", ["x-a", "1", "X-A", "2"]],
    [
      "pairs",
      [
        ["x-a", "1"],
        ["X-A", "2"],
      ],
    ],
    ["an object", { "X-A": ["1", "2"] }],
  ] as const)("takes %s with its head", (_name, headers) => {
    const { stream, response } = setUp();
    response.setHeader("x-a", "before");
    response.writeHead(200, headers).end();
    expect(stream.fields.filter(([field]) => field === "x-a")).toEqual([
      ["x-a", "1"],
      ["x-a", "2"],
    ]);
  });

  test("has no fields of a connection, and no date where none is wanted", () => {
    const { stream, response } = setUp();
    response.sendDate = false;
    for (const name of ["Connection", "Keep-Alive", "Transfer-Encoding", "Upgrade", "Proxy-Connection", "TE"]) {
      response.setHeader(name, "x");
      expect(response.getHeader(name)).toBe("x");
    }
    response.end("a");
    expect(stream.fields).toEqual([
      [":status", "200"],
      ["content-length", "1"],
    ]);
  });

  test("refuses what node:http refuses, with its codes", () => {
    const { response, stream } = setUp();
    const codeOf = (act: () => unknown): unknown => {
      try {
        act();
      } catch (error) {
        return error instanceof Error && "code" in error ? error.code : error;
      }
      return undefined;
    };
    expect(codeOf(() => response.setHeader("a b", "1"))).toBe("ERR_INVALID_HTTP_TOKEN");
    expect(codeOf(() => response.setHeader("a", "1\n2"))).toBe("ERR_INVALID_CHAR");
    expect(codeOf(() => response.appendHeader("a", ["1", "\0"]))).toBe("ERR_INVALID_CHAR");
    expect(codeOf(() => response.writeHead(200, { a: undefined }))).toBe("ERR_HTTP_INVALID_HEADER_VALUE");
    expect(codeOf(() => response.writeHead(200, ["a"]))).toBe("ERR_INVALID_ARG_VALUE");
    expect(codeOf(() => response.writeHead(99))).toBe("ERR_HTTP_INVALID_STATUS_CODE");
    expect(codeOf(() => response.writeHead(101))).toBe("ERR_HTTP_INVALID_STATUS_CODE");
    expect(codeOf(() => response.write(5))).toBe("ERR_INVALID_ARG_TYPE");
    expect(codeOf(() => response.write(null))).toBe("ERR_STREAM_NULL_VALUES");
    expect(response.headersSent).toBe(false);
    response.writeHead(200);
    for (const act of [
      () => response.setHeader("a", "1"),
      () => response.setHeaders(new Map()),
      () => response.appendHeader("a", "1"),
      () => response.removeHeader("a"),
      () => response.writeHead(200),
      () => response.writeEarlyHints({ link: "</a>; rel=preload" }),
      () => response.writeContinue(),
    ]) {
      expect(codeOf(act)).toBe("ERR_HTTP_HEADERS_SENT");
    }
    expect(stream.sent).toEqual([]);
  });

  test("sends its head early by flushHeaders, and not before", () => {
    const { stream, response } = setUp();
    response.writeHead(200);
    expect(stream.sent).toEqual([]);
    response.flushHeaders();
    response.flushHeaders();
    expect(stream.sent).toEqual(["200"]);
    response.end();
    expect(stream.sent).toEqual(["200", "DATA 0 END"]);
  });

  test("sends trailers behind its body", async () => {
    const { stream, response, closed } = setUp();
    response.write("a");
    response.addTrailers({ "X-Sum": "1" });
    response.end("b");
    await closed;
    expect(stream.sent).toEqual(["200", "DATA 1", "DATA 1", "trailers END"]);
    expect(stream.trailers).toEqual([["x-sum", "1"]]);
    const other = setUp();
    other.response.addTrailers([["x-sum", "2"]]);
    other.response.end();
    expect(other.stream.sent).toEqual(["200", "trailers END"]);
    expect(() => setUp().response.addTrailers({ "a b": "1" })).toThrow(TypeError);
  });

  test("sends interim responses before its own", async () => {
    const { stream, response } = setUp();
    const told = new Promise<void>((resolve) =>
      response.writeEarlyHints({ link: ["</a>", "</b>"], "x-a": "1" }, resolve),
    );
    response.writeContinue();
    response.writeProcessing();
    response.writeInformation(104, { "x-b": "2" });
    response.writeEarlyHints({ link: [] });
    expect(() => response.writeInformation(101)).toThrow(RangeError);
    response.end("a");
    await told;
    expect(stream.sent).toEqual(["103", "100", "102", "104", "200", "DATA 1 END"]);
    expect(stream.interim[0]).toEqual([
      [":status", "103"],
      ["link", "</a>, </b>"],
      ["x-a", "1"],
    ]);
    expect(stream.interim[3]).toEqual([
      [":status", "104"],
      ["x-b", "2"],
    ]);
  });

  test("waits for a reader that does not read, and finishes when all is sent", async () => {
    const { stream, response, events, closed } = setUp({ windowBytes: 0 });
    const chunk = Buffer.alloc(32 * 1024, "x");
    let made = 0;
    const source = Readable.from(
      (function* () {
        for (; made < 64; made++) yield chunk;
      })(),
      { highWaterMark: 1 },
    );
    const piped = pipeline(source, response);
    for (let turns = 0; turns < 20; turns++) await turn();
    expect(made).toBeLessThan(16);
    expect(stream.sent).toEqual(["200"]);
    while (!events.includes("response finish")) {
      expect(stream.isLocalEnded).toBe(false);
      stream.grant(64 * 1024);
      await turn();
    }
    await Promise.all([piped, closed]);
    expect(stream.body).toHaveLength(64 * chunk.length);
    expect(stream.sent.at(-1)).toMatch(/ END$/);
  });

  test("says by write and drain when to go on", async () => {
    const { stream, response } = setUp({ windowBytes: 0 });
    const chunk = Buffer.alloc(70 * 1024);
    expect(response.write(chunk)).toBe(false);
    let isDrained = false;
    response.once("drain", () => {
      isDrained = true;
    });
    await turn();
    expect(isDrained).toBe(false);
    stream.grant(chunk.length);
    await turn();
    expect(isDrained).toBe(true);
  });

  test("is finished when its last byte is sent, be it small", async () => {
    const { stream, response, events, closed } = setUp({ windowBytes: 1 });
    response.end("abc");
    await turn();
    expect(events).not.toContain("response finish");
    stream.grant(2);
    await closed;
    expect(events).toContain("response finish");
  });

  test("that is destroyed before its end is reset, and fails for nobody who does not listen", async () => {
    for (const [error, isHeard] of [
      [undefined, false],
      [new Error("broken"), false],
      [new Error("broken"), true],
    ] as const) {
      const { stream, response, closed, events } = setUp();
      const errors: unknown[] = [];
      if (isHeard) response.on("error", (thrown) => errors.push(thrown));
      response.write("begun");
      response.destroy(error);
      await closed;
      await turn();
      expect(stream.resets).toEqual([2]);
      expect(events).toEqual(["request aborted", "response close", "request close"]);
      expect(errors).toEqual(isHeard ? [error] : []);
    }
  });

  test("that is destroyed with its end unsent is reset", async () => {
    const { stream, response, closed, events } = setUp({ windowBytes: 0 });
    response.end("abc");
    response.destroy();
    await closed;
    expect(stream.resets).toEqual([2]);
    expect(events).not.toContain("response finish");
  });

  test("whose peer is gone closes without a finish, and what is written goes nowhere", async () => {
    const { stream, response, closed, events } = setUp({ windowBytes: 0 });
    const over = finished(response);
    let isCalledBack = false;
    response.write(Buffer.alloc(100 * 1024), () => {
      isCalledBack = true;
    });
    stream.cancel();
    response.write("within the same turn");
    await closed;
    await expect(over).rejects.toMatchObject({ code: "ERR_STREAM_PREMATURE_CLOSE" });
    expect(response.write("later")).toBe(false);
    response.end("and later");
    response.flushHeaders();
    await turn();
    expect(isCalledBack).toBe(true);
    expect(stream.resets).toEqual([]);
    expect(events.filter((event) => event.startsWith("response"))).toEqual(["response close"]);
  });

  test("whose peer goes away right after its end does not finish", async () => {
    const { stream, response, closed, events } = setUp({ windowBytes: 0 });
    response.end("abc");
    stream.cancel();
    await closed;
    expect(events).not.toContain("response finish");
  });

  test("that is written to after its end is whole all the same", async () => {
    const { stream, response, closed } = setUp({ windowBytes: 0 });
    const failed = once(response, "error");
    response.end("abc");
    expect(response.write("more")).toBe(false);
    expect(await failed).toMatchObject([{ code: "ERR_STREAM_WRITE_AFTER_END" }]);
    response.end("more");
    response.end();
    stream.grant(3);
    await closed;
    expect(stream.resets).toEqual([]);
    expect(stream.body.toString()).toBe("abc");
  });

  test("lets middleware put methods of its own in the place of write, end and writeHead", async () => {
    const { stream, response, closed } = setUp();
    const { writeHead, end } = response;
    response.writeHead = (status: number) => {
      response.setHeader("x-late", "1");
      return writeHead.call(response, status);
    };
    let ends = 0;
    response.end = (...parameters: unknown[]) => {
      ends++;
      return end.call(response, parameters[0], parameters[1], parameters[2]);
    };
    await pipeline(Readable.from(["a"]), response);
    await closed;
    expect(ends).toBe(1);
    expect(stream.header.get("x-late")).toBe("1");
  });
});

/** Frameworks are made for node:http's classes, which these stand for. */
async function ask(listener: RequestListener, asked: AskedOfMemory = {}, keeps = false) {
  const exchange = memoryExchange(asked);
  if (keeps) keepWebMembers(exchange.request, exchange.response);
  listener(exchange.request as unknown as IncomingMessage, exchange.response as unknown as ServerResponse);
  await exchange.closed;
  await turn();
  await turn();
  expect(exchange.request.destroyed).toBe(true);
  const { stream } = exchange;
  return { ...exchange, status: stream.status, header: stream.header, body: stream.body.toString() };
}

const FILE = import.meta.filename;
const BROKEN = async function* () {
  yield "begun";
  throw new Error("the source dried up");
};

describe("Koa", () => {
  const app = new Koa();
  app.silent = true;
  app.use(async (context) => {
    switch (context.path) {
      case "/echo":
        context.type = "text";
        context.body = Readable.from([await text(context.req)]);
        break;
      case "/peer":
        context.cookies.set("a", "1");
        context.body = { ip: context.ip, protocol: context.protocol, host: context.host, href: context.href };
        break;
      case "/cached":
        context.body = "content";
        context.etag = "v1";
        if (context.fresh) context.status = 304;
        break;
      case "/none":
        context.status = 204;
        break;
      case "/throws":
        context.throw(418, "a teapot");
        break;
      case "/breaks":
        context.body = Readable.from(BROKEN());
        break;
    }
  });
  const listener = app.callback();

  test("reads and answers, as a stream and as a document", async () => {
    const echoed = await ask(listener, { method: "POST", path: "/echo", body: "x".repeat(200_000) });
    expect(echoed).toMatchObject({ status: 200, body: "x".repeat(200_000) });
    const { body, header } = await ask(listener, { path: "/peer?a", isEncrypted: true });
    expect(JSON.parse(body)).toEqual({
      ip: "203.0.113.7",
      protocol: "https",
      host: "example.test",
      href: "https://example.test/peer?a",
    });
    expect(header.get("set-cookie")).toMatch(/^a=1/);
    expect(header.get("content-length")).toBe(String(body.length));
  });

  test("answers HEAD, 204, 304, 404 and errors", async () => {
    const head = await ask(listener, { method: "HEAD", path: "/cached" });
    expect(head).toMatchObject({ status: 200, body: "" });
    expect(head.header.get("content-length")).toBe("7");
    const fresh = await ask(listener, { path: "/cached", fields: [["if-none-match", '"v1"']] });
    expect(fresh.stream.sent).toEqual(["304 END"]);
    expect((await ask(listener, { path: "/none" })).stream.sent).toEqual(["204 END"]);
    expect(await ask(listener, { path: "/nowhere" })).toMatchObject({ status: 404, body: "404" });
    expect(await ask(listener, { path: "/throws" })).toMatchObject({ status: 418, body: "a teapot" });
  });

  test("breaks off with a body that does", async () => {
    const { stream, body } = await ask(listener, { path: "/breaks" });
    expect(body).toBe("begun");
    expect(stream.resets).toEqual([2]);
  });
});

describe("Express", () => {
  const app = express();
  app.set("env", "test"); // nothing on standard error
  app.use(express.json());
  app.use("/mounted", (request, response) => {
    response.json({ url: request.url, original: request.originalUrl });
  });
  app.get("/peer", (request, response) => {
    const { ip, secure, hostname, protocol } = request;
    response.cookie("a", "1").cookie("b", "2").json({ ip, secure, hostname, protocol });
  });
  app.post("/echo", (request, response) => {
    response.json(request.body);
  });
  app.get("/file", (_request, response) => response.sendFile(FILE));
  app.get("/streamed", (_request, response) => {
    Readable.from(["a", "b"]).pipe(response.status(201).type("text"));
  });
  app.get("/throws", () => {
    throw Object.assign(new Error("a teapot"), { status: 418 });
  });
  app.get("/late", (_request, response) => {
    response.write("begun");
    throw new Error("too late");
  });

  test("reads and answers", async () => {
    const body = '{"a":1}';
    const fields = [
      ["content-type", "application/json"],
      ["content-length", String(body.length)],
    ] as const;
    expect(await ask(app, { method: "POST", path: "/echo", body, fields }, true)).toMatchObject({ status: 200, body });
    const peer = await ask(app, { path: "/peer", isEncrypted: true }, true);
    expect(JSON.parse(peer.body)).toEqual({
      ip: "203.0.113.7",
      secure: true,
      hostname: "example.test",
      protocol: "https",
    });
    expect(peer.header.getSetCookie()).toEqual(["a=1; Path=/", "b=2; Path=/"]);
    expect(JSON.parse((await ask(app, { path: "/mounted/a?b" }, true)).body)).toEqual({
      url: "/a?b",
      original: "/mounted/a?b",
    });
    expect(await ask(app, { path: "/streamed" }, true)).toMatchObject({ status: 201, body: "ab" });
  });

  test("sends files, whole, in part, by HEAD and unchanged", async () => {
    const whole = await ask(app, { path: "/file" }, true);
    expect(whole.body).toContain("sends files, whole");
    expect(whole.header.get("content-length")).toBe(String(Buffer.byteLength(whole.body)));
    const part = await ask(app, { path: "/file", fields: [["range", "bytes=0-5"]] }, true);
    expect(part).toMatchObject({ status: 206, body: "import" });
    expect((await ask(app, { method: "HEAD", path: "/file" }, true)).stream.sent).toEqual(["200 END"]);
    const etag = whole.header.get("etag") ?? "";
    expect((await ask(app, { path: "/file", fields: [["if-none-match", etag]] }, true)).stream.sent).toEqual([
      "304 END",
    ]);
  });

  test("answers what nobody does, and errors; and ends what has begun", async () => {
    expect((await ask(app, { path: "/nowhere" }, true)).status).toBe(404);
    expect((await ask(app, { path: "/throws" }, true)).status).toBe(418);
    expect((await ask(app, { path: "/late" }, true)).stream.resets).toEqual([2]);
    const fields = [
      ["content-type", "application/json"],
      ["content-length", "2"],
    ] as const;
    expect((await ask(app, { method: "POST", path: "/echo", body: "{{", fields }, true)).status).toBe(400);
  });
});

describe("Fastify", async () => {
  const app = Fastify();
  app.get("/peer", async ({ ip, protocol, host }) => ({ ip, protocol, host }));
  app.post("/echo", async (request) => request.body);
  app.get("/streamed", (_request, reply) => reply.type("text/plain").send(Readable.from(["a", "b"])));
  app.get("/breaks", (_request, reply) => reply.send(Readable.from(BROKEN())));
  app.get("/large", async () => Buffer.alloc(3 * 2 ** 20, "x"));
  app.get("/none", (_request, reply) => reply.code(204).send());
  app.get("/trailers", (_request, reply) =>
    reply.trailer("x-sum", (_reply, _payload, done) => done(null, "1")).send("body"),
  );
  app.get("/throws", async () => {
    throw new Error("its own affair");
  });
  await app.ready();

  test("reads and answers", async () => {
    const fields = [["content-type", "application/json"]] as const;
    expect(await ask(app.routing, { method: "POST", path: "/echo", body: '{"a":1}', fields })).toMatchObject({
      status: 200,
      body: '{"a":1}',
    });
    expect(JSON.parse((await ask(app.routing, { path: "/peer" })).body)).toEqual({
      ip: "203.0.113.7",
      protocol: "http",
      host: "example.test",
    });
    expect(await ask(app.routing, { path: "/streamed" })).toMatchObject({ status: 200, body: "ab" });
    expect((await ask(app.routing, { path: "/large" })).body).toHaveLength(3 * 2 ** 20);
  });

  test("answers HEAD, 204, trailers, 404 and errors, and breaks off", async () => {
    const head = await ask(app.routing, { method: "HEAD", path: "/peer" });
    expect(head.stream.sent).toEqual(["200 END"]);
    expect(Number(head.header.get("content-length"))).toBeGreaterThan(0);
    expect((await ask(app.routing, { path: "/none" })).stream.sent).toEqual(["204 END"]);
    const trailed = await ask(app.routing, { path: "/trailers" });
    expect(trailed).toMatchObject({ body: "body" });
    expect(trailed.stream.trailers).toEqual([["x-sum", "1"]]);
    expect((await ask(app.routing, { path: "/nowhere" })).status).toBe(404);
    expect((await ask(app.routing, { path: "/throws" })).status).toBe(500);
    expect((await ask(app.routing, { path: "/breaks" })).stream.resets).toEqual([2]);
  });

  test("waits for a slow reader", async () => {
    const exchange = memoryExchange({ path: "/large", windowBytes: 0 });
    app.routing(exchange.request as unknown as IncomingMessage, exchange.response as unknown as ServerResponse);
    for (let turns = 0; turns < 10; turns++) await turn();
    while (!exchange.events.includes("response finish")) {
      exchange.stream.grant(256 * 1024);
      await turn();
    }
    expect(exchange.stream.body).toHaveLength(3 * 2 ** 20);
  });
});
