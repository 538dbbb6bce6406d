import { startTest, type TestApp } from "portico/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { accessLine, accessLines } from "../support/access.ts";
import { echoService, processNameRequest } from "../support/echo.ts";
import { http2Client } from "../support/http2-client.ts";
import { rawSocket } from "../support/raw-socket.ts";

let app: TestApp;
beforeAll(async () => {
  app = await startTest(echoService());
});
afterAll(() => app.stop());

const POST = "POST /upload HTTP/1.1\r\nhost: a\r\n";

test.for([
  ["a method that is none", "G@T / HTTP/1.1\r\nhost: a\r\n\r\n"],
  ["a field without a colon", "GET / HTTP/1.1\r\nhost: a\r\nnonsense\r\n\r\n"],
  ["white space before a colon", "GET / HTTP/1.1\r\nhost : a\r\n\r\n"],
  ["a control character in a value", "GET / HTTP/1.1\r\nhost: a\r\nx-bad: \u0001\r\n\r\n"],
  ["length and chunks at once", `${POST}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`],
  ["two lengths", `${POST}content-length: 5\r\ncontent-length: 6\r\n\r\n12345`],
  ["a length that is none", `${POST}content-length: five\r\n\r\n12345`],
  ["a negative length", `${POST}content-length: -1\r\n\r\n`],
  ["a version that is not there", "GET / HTTP/1.7\r\nhost: a\r\n\r\n"],
] as const)("%s gets 400 as a problem, and a line", async ([, bytes]) => {
  using peer = await rawSocket(app.url);
  await peer.send(bytes);
  const { status, headers, body } = await peer.answer();
  expect(status).toBe(400);
  expect(headers.get("content-type")).toBe("application/problem+json");
  expect(JSON.parse(body)).toMatchObject({ code: "invalid_argument", request_id: headers.get("x-request-id") });
  await peer.closed;
  await accessLine(app, { request_id: headers.get("x-request-id"), response_status: 400, first_request_line: "-" });
});

test("a chunk that is malformed gets 400, and its request one line that says so", async () => {
  using peer = await rawSocket(app.url);
  const lines = accessLines(app).length;
  await peer.send(`${POST}transfer-encoding: chunked\r\nx-request-id: chunk-1\r\n\r\n3\r\nabc\r\nnonsense\r\n`);
  const { status, headers } = await peer.answer();
  expect(status).toBe(400);
  expect(headers.get("x-request-id")).toBe("chunk-1");
  await peer.closed;
  await accessLine(app, { request_id: "chunk-1", response_status: 400, first_request_line: "POST /upload HTTP/1.1" });
  expect(accessLines(app)).toHaveLength(lines + 1);
});

test("a malformed successor does not break into the answer before it", async () => {
  using peer = await rawSocket(app.url);
  await peer.send(`${processNameRequest("ada")}nonsense\r\n\r\n`);
  expect(await peer.answer()).toMatchObject({ status: 200, body: '{"name":"ADA"}' });
  expect(await peer.answer()).toMatchObject({ status: 400 });
  await peer.closed;
});

test("CONNECT is refused over HTTP/1.1 and HTTP/2, with a line", async () => {
  using peer = await rawSocket(app.url);
  await peer.send("CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\n\r\n");
  expect((await peer.answer()).status).toBe(400);
  using client = await http2Client(app.url);
  expect((await client.request({ ":method": "CONNECT", ":authority": "a:443" })).status).toBe(400);
  await accessLine(app, { first_request_line: /^CONNECT .*HTTP\/1.1$/, response_status: 400 });
  await accessLine(app, { first_request_line: /^CONNECT .*HTTP\/2.0$/, response_status: 400 });
});

test.for(["*", "there", "?a=b"])("a target that is %s and no path gets 400", async (target) => {
  using peer = await rawSocket(app.url);
  await peer.send(`GET ${target} HTTP/1.1\r\nhost: a\r\n\r\n`);
  expect((await peer.answer()).status).toBe(400);
});

test("OPTIONS * is a request about the server", async () => {
  using peer = await rawSocket(app.url);
  await peer.send("OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n");
  expect((await peer.answer()).status).toBeLessThan(500);
});

test("none of it keeps the process from serving others", async () => {
  expect((await app.fetch("/readyz")).status).toBe(200);
});
