import { defineService } from "portico";
import { startTest, type TestApp } from "portico/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { accessLines } from "../support/access.ts";
import { echoService, processNameRequest } from "../support/echo.ts";
import { FLAG, FRAME, frame, framesIn, headerBlock, PREFACE } from "../support/frames.ts";
import { rawSocket } from "../support/raw-socket.ts";

let app: TestApp;
beforeAll(async () => {
  app = await startTest(echoService());
});
afterAll(() => app.stop());

const GET_OVER_HTTP2 = frame(
  FRAME.headers,
  FLAG.endStream | FLAG.endHeaders,
  1,
  headerBlock([
    [":method", "GET"],
    [":scheme", "http"],
    [":path", "/there"],
    [":authority", "a"],
  ]),
);
const SETTINGS = frame(FRAME.settings, 0, 0);
const bodyOf = (bytes: string) =>
  framesIn(bytes)
    .filter(({ type }) => type === FRAME.data)
    .map(({ payload }) => payload.toString())
    .join("");

describe("HTTP/2", () => {
  test("is told by its preface, also one that comes byte by byte", async () => {
    using peer = await rawSocket(app.url);
    await peer.sendByteByByte(PREFACE);
    await peer.send(SETTINGS);
    await peer.sendByteByByte(GET_OVER_HTTP2);
    await peer.until('"url":"/there"');
    expect(bodyOf(peer.received())).toContain('"method":"GET"');
  });

  test("loses nothing of a first segment that holds preface, SETTINGS and a request", async () => {
    using peer = await rawSocket(app.url);
    await peer.send(Buffer.concat([PREFACE, SETTINGS, GET_OVER_HTTP2]));
    await peer.until('"url":"/there"');
  });
});

describe("HTTP/1.1", () => {
  test("is told by its first line, also one that comes byte by byte", async () => {
    using peer = await rawSocket(app.url);
    await peer.sendByteByByte(processNameRequest("ada"));
    expect(await peer.answer()).toMatchObject({ status: 200, body: '{"name":"ADA"}' });
  });

  test("loses nothing of a first segment that holds a request and its pipelined successor", async () => {
    using peer = await rawSocket(app.url);
    await peer.send(processNameRequest("ada") + processNameRequest("grace"));
    expect(await peer.answer()).toMatchObject({ status: 200, body: '{"name":"ADA"}' });
    expect(await peer.answer()).toMatchObject({ status: 200, body: '{"name":"GRACE"}' });
  });

  test("may begin with empty lines (RFC 9112, 2.2)", async () => {
    using peer = await rawSocket(app.url);
    await peer.send(`\r\n\r\n${processNameRequest("ada")}`);
    expect(await peer.answer()).toMatchObject({ status: 200, body: '{"name":"ADA"}' });
  });

  test("begins with PRI only where it is another method", async () => {
    using peer = await rawSocket(app.url);
    await peer.send("PRINT / HTTP/1.1\r\nhost: a\r\n\r\n");
    expect(await peer.answer()).toMatchObject({ status: 400 });
  });

  test("takes HTTP/1.0 with keep-alive, as ab sends it", async () => {
    using peer = await rawSocket(app.url);
    for (const path of ["/first", "/second"]) {
      await peer.send(`GET ${path} HTTP/1.0\r\nConnection: Keep-Alive\r\nHost: a\r\nAccept: */*\r\n\r\n`);
      const { status, headers, body } = await peer.answer();
      expect(status).toBe(200);
      expect(headers.get("connection")).toBe("keep-alive");
      expect(JSON.parse(body)).toMatchObject({ url: path });
    }
  });

  test("closes after an answer over HTTP/1.0 without keep-alive", async () => {
    using peer = await rawSocket(app.url);
    await peer.send("GET /once HTTP/1.0\r\nHost: a\r\n\r\n");
    expect(await peer.closed).toContain('"url":"/once"');
  });

  test("tells how long an idle connection stays, whoever answers, and not where it closes", async () => {
    await using closing = await startTest(
      defineService({
        name: "closing",
        http: () => (_request, response) => response.writeHead(200, { connection: "close" }).end("bye"),
      }),
    );
    using closed = await rawSocket(closing.url);
    await closed.send("GET /there HTTP/1.1\r\nhost: a\r\n\r\n");
    const { headers: last } = await closed.answer();
    expect([last.get("connection"), last.get("keep-alive")]).toEqual(["close", null]);

    using peer = await rawSocket(app.url);
    const requests = [processNameRequest("ada"), "GET /there HTTP/1.1\r\nhost: a\r\n\r\n"];
    for (const request of requests) {
      await peer.send(request);
      expect((await peer.answer()).headers.get("keep-alive")).toBe("timeout=300");
    }
    for (const request of requests) {
      using last = await rawSocket(app.url);
      await last.send(request.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n"));
      const { headers } = await last.answer();
      expect([headers.get("connection"), headers.get("keep-alive")]).toEqual(["close", null]);
    }
  });

  test("keeps a connection whose requests were read to their ends, however soon they were answered", async () => {
    using peer = await rawSocket(app.url);
    for (let request = 0; request < 3; request++) {
      await peer.send("GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n");
      const { status, headers } = await peer.answer();
      expect(status).toBe(200);
      expect(headers.get("connection")).not.toBe("close");
    }
  });

  test("takes a target in absolute form", async () => {
    using peer = await rawSocket(app.url);
    await peer.send(`GET http://a/there?x=1 HTTP/1.1\r\nhost: a\r\n\r\n`);
    expect((await peer.answer()).status).toBe(200);
    await peer.send(processNameRequest("ada").replace("POST /", "POST http://a/"));
    expect(await peer.answer()).toMatchObject({ status: 200, body: '{"name":"ADA"}' });
  });
});

describe("what is neither", () => {
  test.for([
    ["a preface that goes wrong", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"],
    ["an SSH banner", "SSH-2.0-OpenSSH_9.2\r\n"],
    ["a request line without a version", "GET /\r\n"],
    ["a request line of another protocol", "OPTIONS sip:a SIP/2.0\r\n"],
    ["zeros", Buffer.alloc(20_000)],
  ] as const)("%s is closed without an answer", async ([, bytes]) => {
    using peer = await rawSocket(app.url);
    const lines = accessLines(app).length;
    await peer.send(bytes);
    expect(await peer.closed).toBe("");
    expect(accessLines(app)).toHaveLength(lines); // no request, no line
  });

  test("does not keep others from being served", async () => {
    expect((await app.fetch("/readyz")).status).toBe(200);
  });
});
