import { type LogLine, startTest, type TestApp } from "portico/testing";
import { expect, test } from "vitest";
import { accessLine, accessLines } from "../support/access.ts";
import { echoService, processNameRequest } from "../support/echo.ts";
import { FLAG, FRAME, frame, PREFACE } from "../support/frames.ts";
import { http2Client } from "../support/http2-client.ts";
import { type RawSocket, rawSocket } from "../support/raw-socket.ts";
import { until } from "../support/until.ts";

const HEAD_MS = 10_000;
const IDLE_MS = 5 * 60_000;

/** Whether the service has closed the connection by now; what it sends on the way is waited for. */
async function isClosed(peer: RawSocket): Promise<boolean> {
  const open = Symbol("open");
  const later = new Promise((resolve) => setTimeout(resolve, 50, open));
  return (await Promise.race([peer.closed, later])) !== open;
}

/** Lets the port see what came so far, at its next look at its connections. */
async function seen(app: TestApp): Promise<void> {
  await app.fetch("/readyz"); // came later than what was sent before
  app.clock.advance(1001);
}

test.for([
  ["a silent connection", ""],
  ["half a request line", "GET /a HT"],
  ["half a preface", PREFACE.subarray(0, 10)],
] as const)("%s is closed without an answer after the time for a head", async ([, bytes]) => {
  await using app = await startTest(echoService());
  using peer = await rawSocket(app.url);
  await peer.send(bytes);
  await seen(app);
  app.clock.advance(HEAD_MS - 2000);
  expect(await isClosed(peer)).toBe(false);
  app.clock.advance(3000);
  expect(await peer.closed).toBe("");
});

test.for([
  ["half a head", (peer: RawSocket) => peer.send("GET /slow HTTP/1.1\r\nhost: a\r\n")],
  [
    "a slow head on a connection that was kept",
    async (peer: RawSocket) => {
      await peer.send("GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n");
      await peer.answer();
      await peer.send("GET /slow HTT");
    },
  ],
] as const)("%s is answered with 408 after its time", async ([, begin]) => {
  await using app = await startTest(echoService());
  using peer = await rawSocket(app.url);
  await begin(peer);
  await seen(app);
  app.clock.advance(HEAD_MS - 2000);
  expect(await isClosed(peer)).toBe(false);
  app.clock.advance(3000);
  const { status, headers, body } = await peer.answer();
  expect(status).toBe(408);
  expect(headers.get("connection")).toBe("close");
  expect(JSON.parse(body)).toMatchObject({ status: 408, code: "deadline_exceeded" });
  await peer.closed;
  const line: LogLine = await accessLine(app, { response_status: 408, first_request_line: "-" });
  expect(line.request_id).toBe(headers.get("x-request-id"));
});

test("time is per request: one that comes bit by bit, but soon enough, is answered", async () => {
  await using app = await startTest(echoService());
  using peer = await rawSocket(app.url);
  for (let request = 0; request < 3; request++) {
    await peer.send("GET /there HTTP/1.1\r\n");
    await seen(app);
    app.clock.advance(HEAD_MS - 3000);
    await peer.send("host: a\r\n\r\n");
    expect((await peer.answer()).status).toBe(200);
  }
});

test("an idle connection is closed after its time, over HTTP/1.1", async () => {
  await using app = await startTest(echoService());
  using peer = await rawSocket(app.url);
  await peer.send(processNameRequest("ada"));
  await peer.answer();
  await until(() => accessLines(app).length === 1);
  await seen(app);
  app.clock.advance(IDLE_MS - 2000);
  expect(await isClosed(peer)).toBe(false);
  app.clock.advance(3000);
  await peer.closed;
});

test("an idle connection is closed after its time, over HTTP/2", async () => {
  await using app = await startTest(echoService());
  using client = await http2Client(app.url);
  await client.request({ ":path": "/there" });
  await until(() => accessLines(app).length === 1);
  await seen(app);
  app.clock.advance(IDLE_MS - 2000);
  expect((await client.request({ ":path": "/there" })).status).toBe(200);
  await until(() => accessLines(app).length >= 3);
  await seen(app);
  app.clock.advance(IDLE_MS + 1000);
  await until(() => client.session.closed);
});

test("an upload that stands still is closed after the idle time", async () => {
  await using app = await startTest(echoService());
  using peer = await rawSocket(app.url);
  await peer.send("POST /upload HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n12345");
  await seen(app);
  app.clock.advance(IDLE_MS + 1000);
  await peer.closed;
  await accessLine(app, { first_request_line: "POST /upload HTTP/1.1", response_status: 499, aborted: true });
});

test("an HTTP/2 peer that answers no ping is closed, and its calls with it", async () => {
  await using app = await startTest(echoService());
  using peer = await rawSocket(app.url);
  // A call that stays open: HEADERS without END_STREAM; after it this peer is silent, like one whose network is gone.
  const block = Buffer.concat([
    Buffer.of(0x83, 0x86), // :method POST, :scheme http
    ...[
      [4, "/silent"],
      [1, "a"],
    ].map(([index, text]) => Buffer.concat([Buffer.of(Number(index), String(text).length), Buffer.from(String(text))])),
  ]);
  await peer.send(
    Buffer.concat([
      PREFACE,
      frame(FRAME.settings, 0, 0),
      frame(FRAME.settings, FLAG.ack, 0),
      frame(FRAME.headers, FLAG.endHeaders, 1, block),
    ]),
  );
  await until(() => peer.received().length > 9);
  await seen(app);
  app.clock.advance(31_000); // silence: now it is asked
  await seen(app);
  expect(await isClosed(peer)).toBe(false);
  app.clock.advance(11_000);
  await peer.closed;
  const line = await accessLine(app, { first_request_line: "POST /silent HTTP/2.0" });
  expect(line).toMatchObject({ response_status: 499, response_size: 0, aborted: true });
  expect(app.logs.filter(({ levelname }) => levelname === "ERROR")).toEqual([]);
});
