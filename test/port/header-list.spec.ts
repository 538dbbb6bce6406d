import { startTest, type TestApp } from "portico/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { accessLine } from "../support/access.ts";
import { echoService, processNameRequest } from "../support/echo.ts";
import { FRAME, frame, framesIn, headerBlock, PREFACE } from "../support/frames.ts";
import { http2Client } from "../support/http2-client.ts";
import { rawSocket } from "../support/raw-socket.ts";

let app: TestApp;
beforeAll(async () => {
  app = await startTest(echoService());
});
afterAll(() => app.stop());

const field = (bytes: number) => `x-large: ${"x".repeat(bytes)}`;

test("a header list of less than 16 KiB is taken", async () => {
  using peer = await rawSocket(app.url);
  await peer.send(processNameRequest("ada", ["host: a", field(15 * 1024)]));
  expect((await peer.answer()).status).toBe(200);
  using client = await http2Client(app.url);
  expect((await client.request({ ":path": "/there", "x-large": "x".repeat(15 * 1024) })).status).toBe(200);
});

test.for([
  ["one field", ["host: a", field(20 * 1024)]],
  ["many fields", ["host: a", ...Array.from({ length: 60 }, () => field(400))]],
  ["as much as a peer cares to send", ["host: a", field(2 ** 20)]],
] as const)("a longer one gets 431 over HTTP/1.1: %s", async ([, fields]) => {
  using peer = await rawSocket(app.url);
  const sent = peer.send(processNameRequest("ada", fields));
  const { status, headers, body } = await peer.answer();
  expect(status).toBe(431);
  expect(headers.get("content-type")).toBe("application/problem+json");
  expect(headers.get("connection")).toBe("close");
  expect(JSON.parse(body)).toMatchObject({ status: 431, request_id: headers.get("x-request-id") });
  await accessLine(app, { response_status: 431, request_id: headers.get("x-request-id"), remote_address: "127.0.0.1" });
  await peer.closed;
  await sent;
});

test("a request line that is longer gets 431 as well", async () => {
  using peer = await rawSocket(app.url);
  await peer.send(`GET /${"a".repeat(20 * 1024)} HTTP/1.1\r\nhost: a\r\n\r\n`);
  expect((await peer.answer()).status).toBe(431);
});

test("a longer one gets 431 over HTTP/2, and the connection goes on", async () => {
  using client = await http2Client(app.url);
  const { status, body } = await client.request({ ":path": "/large", "x-large": "x".repeat(20 * 1024) });
  expect(status).toBe(431);
  expect(JSON.parse(body)).toMatchObject({ status: 431 });
  await accessLine(app, { first_request_line: "GET /large HTTP/2.0", response_status: 431 });
  expect((await client.request({ ":path": "/there" })).status).toBe(200);
});

test("many short fields count by more than their letters (RFC 9113, 6.5.2)", async () => {
  using peer = await rawSocket(app.url);
  const fields = Array.from({ length: 600 }, (_, at) => `x${at}: a`);
  await peer.send(processNameRequest("ada", ["host: a", ...fields]));
  expect((await peer.answer()).status).toBe(431);
});

test("a header block that has no end over HTTP/2 is cut off", async () => {
  using peer = await rawSocket(app.url);
  const fields = headerBlock([["x-large", "x".repeat(8000)]]);
  await peer.send(
    Buffer.concat([
      PREFACE,
      frame(FRAME.settings, 0, 0),
      frame(FRAME.headers, 0, 1, headerBlock([[":method", "GET"]])),
    ]),
  );
  let isOpen = true;
  void peer.closed.then(() => {
    isOpen = false;
  });
  for (let sent = 0; isOpen && sent < 1000; sent++) {
    await peer.send(frame(FRAME.continuation, 0, 1, fields));
    isOpen &&= !framesIn(peer.received()).some(({ type }) => type === FRAME.goaway || type === FRAME.rstStream);
  }
  expect(isOpen).toBe(false);
});

test("none of it keeps the process from serving others", async () => {
  expect((await app.fetch("/readyz")).status).toBe(200);
});
