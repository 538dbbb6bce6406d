import { Duplex } from "node:stream";
import { text } from "node:stream/consumers";
import * as tls from "node:tls";
import type { TestApp } from "portico/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type RawSocket, rawSocket } from "../support/raw-socket.ts";
import { until } from "../support/until.ts";
import { CLIENTS } from "./clients.ts";
import { makeKinds } from "./kinds.ts";
import { complaints, startInCleartext, startSecured } from "./secured.ts";

// Peers that speak cleartext to a port of TLS, TLS to one in cleartext, or nothing of either, and those that stand still.

const { authority, servers } = await makeKinds();
const trusts = authority.cert;
const HEAD_MS = 10_000;

/** What clients say of a port of TLS that they call in cleartext. */
const OF_TLS = {
  portico: /^\[unavailable\] this port speaks TLS: call it by https$/,
  "grpc-js": /^14 UNAVAILABLE: this port speaks TLS: call it by https$/,
  curl: /^\{"code":"unavailable","message":"this port speaks TLS: call it by https"\} 503$/,
  grpcurl: /Code: Unavailable\s+Message: this port speaks TLS: call it by https$/,
} as const;

/** And of one in cleartext that it calls by TLS. */
const OF_CLEARTEXT = {
  portico: /^\[unavailable\] .* could not be made: the peer does not speak TLS here \(ERR_SSL_WRONG_VERSION_NUMBER\)/,
  "grpc-js": /^14 UNAVAILABLE: .*wrong version number/,
  curl: /curl: \(35\) .*wrong version number/,
  grpcurl: /first record does not look like a TLS handshake/,
} as const;

describe("a port that speaks TLS", () => {
  let app: TestApp;
  beforeEach(async () => {
    app = await startSecured({ pair: servers.right });
  });
  afterEach(() => app.stop());

  /** Resolves once the port has done all that it had to do before: it has answered one more client. */
  async function served(): Promise<void> {
    const socket = tls.connect({ port: Number(new URL(app.url).port), host: "127.0.0.1", ca: trusts });
    socket.write("GET /whoami HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    expect(await text(socket)).toContain("\r\n\r\nnobody");
  }

  const SPEAKS_CLEARTEXT = "a connection came to nothing: the peer speaks cleartext, and this port TLS";

  for (const { name, family, isMissing, call } of CLIENTS) {
    test.skipIf(isMissing)(`tells it to a client that speaks cleartext: ${name}`, async () => {
      expect(await call({ url: app.url.replace("https:", "http:"), trusts })).toMatch(OF_TLS[family]);
      expect(complaints(app)).toEqual([SPEAKS_CLEARTEXT]);
      await served();
    });
  }

  test("answers a request in cleartext though its body is still on the way, and closes", async () => {
    using peer = await rawSocket(app.url);
    await peer.send(`POST / HTTP/1.1\r\nhost: a\r\ncontent-length: ${2 ** 30}\r\n\r\n`);
    void peer.send(Buffer.alloc(2 ** 20));
    const { status, headers, body } = await peer.answer();
    expect([status, headers.get("connection")]).toEqual([503, "close"]);
    expect(body).toContain("this port speaks TLS: call it by https");
    await peer.closed;
    expect(complaints(app)).toEqual([SPEAKS_CLEARTEXT]);
  });

  test("answers a request in cleartext that comes byte by byte", async () => {
    using peer = await rawSocket(app.url);
    await peer.sendByteByByte("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    expect(await peer.answer()).toMatchObject({ status: 503 });
  });

  test.each([
    ["a line of no HTTP", "hello\r\n", SPEAKS_CLEARTEXT],
    ["SSH", "SSH-2.0-OpenSSH_9.2\r\n", SPEAKS_CLEARTEXT],
    ["bytes with a line feed", "\x00\x01\x02\xff\n", SPEAKS_CLEARTEXT],
    [
      "what begins as TLS does",
      "\x16garbage garbage\n",
      expect.stringMatching(
        /^a connection came to nothing: the (?:peer does not speak TLS here|TLS handshake failed: .+) \(ERR_SSL_\w+\)$/,
      ),
    ],
    [
      "a handshake of no sense",
      "\x16\x03\x01\x00\x05hello",
      expect.stringMatching(/^a connection came to nothing: the TLS handshake failed: .+ \(ERR_SSL_\w+\)$/),
    ],
  ])("closes on %s, without an answer in HTTP", async (_what, bytes, complaint) => {
    using peer = await rawSocket(app.url);
    await peer.send(bytes);
    expect(await peer.closed).not.toContain("HTTP");
    expect(complaints(app)).toEqual([complaint]);
    expect(app.stats()).toMatchObject({ failedHandshakes: 1 });
    await served();
  });

  test("says nothing of a peer that leaves without a word", async () => {
    const peer = await rawSocket(app.url);
    peer.socket.end();
    await peer.closed;
    await served();
    expect(complaints(app)).toEqual([]);
    expect(app.stats()).toMatchObject({ failedHandshakes: 0 });
  });

  test("shakes hands with a client whose bytes come one by one", async () => {
    using peer = await rawSocket(app.url);
    const socket = tls.connect({ socket: byteByByte(peer), ca: trusts });
    socket.write("GET /whoami HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    expect(await text(socket)).toContain("\r\n\r\nnobody");
  });

  const halves: readonly (readonly [what: string, part: (hello: Buffer) => Buffer])[] = [
    ["nothing", () => Buffer.alloc(0)],
    ["the first byte of a ClientHello", (hello) => hello.subarray(0, 1)],
    ["half a ClientHello", (hello) => hello.subarray(0, hello.length / 2)],
    ["a ClientHello and nothing after it", (hello) => hello],
    ["half a line of HTTP", () => Buffer.from("GET / HT")],
    ["half of HTTP/2's preface", () => Buffer.from("PRI * HTTP/2")],
  ];

  test.each(halves)("closes a connection that has sent %s, after its time", async (_what, part) => {
    using peer = await rawSocket(app.url);
    let isClosed = false;
    void peer.closed.then(() => {
      isClosed = true;
    });
    await peer.send(part(await clientHello()));
    await served();
    app.clock.advance(HEAD_MS / 2);
    await served();
    expect(isClosed).toBe(false);
    app.clock.advance(HEAD_MS / 2);
    await peer.closed;
    await served();
    expect(complaints(app)).toEqual([
      `a connection came to nothing: the TLS handshake was not done within ${HEAD_MS} ms`,
    ]);
    expect(app.stats()).toMatchObject({ failedHandshakes: 1 });
  });

  test.each(["resetAndDestroy", "end"] as const)(
    "says at once of a peer that leaves in a handshake who it was: %s",
    async (leave) => {
      const peer = await rawSocket(app.url);
      await peer.send((await clientHello()).subarray(0, 100));
      await served();
      peer.socket[leave]();
      const line = await until(() => app.logs.find(({ message }) => message === complaints(app)[0]));
      expect(line).toMatchObject({
        message: "a connection came to nothing: the peer has closed it in the middle of the TLS handshake",
        remote_address: "127.0.0.1",
      });
    },
  );

  test("says nothing of handshakes that it ends itself, when it stops", async () => {
    using peer = await rawSocket(app.url);
    await peer.send((await clientHello()).subarray(0, 100));
    await served();
    await app.stop();
    await peer.closed;
    expect(complaints(app)).toEqual([]);
  });
});

describe("a port in cleartext", () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startInCleartext();
  });
  afterAll(() => app.stop());

  const SPEAKS_TLS = "a connection came to nothing: the peer speaks TLS, and this port cleartext";

  for (const { name, family, isMissing, call } of CLIENTS) {
    test.skipIf(isMissing)(`is told by a client that speaks TLS: ${name}`, async () => {
      const failed = app.stats().failedHandshakes;
      expect(await call({ url: app.url.replace("http:", "https:"), trusts })).toMatch(OF_CLEARTEXT[family]);
      expect(app.stats().failedHandshakes).toBeGreaterThan(failed);
    });
  }

  test("says so once in its log, and how often it was in a minute", () => {
    expect(complaints(app)).toEqual([SPEAKS_TLS]);
    app.clock.advance(60_000);
    expect(complaints(app)).toEqual([SPEAKS_TLS, `again within a minute: ${SPEAKS_TLS}`]);
    expect(app.logs.at(-1)).toMatchObject({ connections: app.stats().failedHandshakes - 1 });
  });

  test("answers a ClientHello in words, also one that comes byte by byte, and closes", async () => {
    const hello = await clientHello();
    for (const send of ["send", "sendByteByByte"] as const) {
      using peer = await rawSocket(app.url);
      void peer[send](hello);
      expect(await peer.answer()).toMatchObject({ status: 400, body: "this port speaks cleartext: call it by http\n" });
      await peer.closed;
    }
  });
});

/** How a client of Node's begins. */
function clientHello(): Promise<Buffer> {
  return new Promise((resolve) => {
    const line = new Duplex({
      read: () => undefined,
      write: (chunk: Buffer) => resolve(chunk), // and no more: it has no peer
    });
    tls.connect({ socket: line });
  });
}

/** A connection that sends each byte in a segment of its own. */
function byteByByte(peer: RawSocket): Duplex {
  const line = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => void peer.sendByteByByte(chunk).then(() => done(), done),
  });
  peer.socket.on("data", (bytes: string) => line.push(Buffer.from(bytes, "latin1")));
  peer.socket.on("end", () => line.push(null));
  return line;
}
