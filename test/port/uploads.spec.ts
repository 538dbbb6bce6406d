import Koa from "koa";
import { defineService } from "portico";
import { startTest, type TestApp } from "portico/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { accessLine } from "../support/access.ts";
import { processNameRequest, upperCaseNames } from "../support/echo.ts";
import { http2Client } from "../support/http2-client.ts";
import { rawSocket } from "../support/raw-socket.ts";

const MIB = 2 ** 20;

/** Its web application answers without a look at the body. */
const inattentive = defineService({
  name: "inattentive",
  routes: () => [upperCaseNames],
  http: () => {
    const app = new Koa();
    app.use((context) => {
      context.body = "not interested";
    });
    return app;
  },
});

let app: TestApp;
beforeAll(async () => {
  app = await startTest(inattentive);
});
afterAll(() => app.stop());

test("a message over 4 MiB gets the whole answer resource_exhausted, and then the connection closes", async () => {
  using peer = await rawSocket(app.url);
  const sent = peer.send(processNameRequest("x".repeat(5 * MIB)));
  const { status, headers, body } = await peer.answer();
  expect(status).toBe(429);
  expect(headers.get("connection")).toBe("close");
  expect(JSON.parse(body)).toMatchObject({ code: "resource_exhausted" });
  await peer.closed;
  await sent;
  await accessLine(app, { response_status: 429, rpc_code: "resource_exhausted" });
});

test("a body that the application does not read is no obstacle to its answer, and then the connection closes", async () => {
  using peer = await rawSocket(app.url);
  const sent = peer.send(`POST /a HTTP/1.1\r\nhost: a\r\ncontent-length: ${5 * MIB}\r\n\r\n${"x".repeat(5 * MIB)}`);
  const { status, headers, body } = await peer.answer();
  expect({ status, body }).toEqual({ status: 200, body: "not interested" });
  expect(headers.get("connection")).toBe("close");
  await peer.closed;
  await sent;
});

test("a peer that goes on sending past its answer is cut off", async () => {
  using peer = await rawSocket(app.url, { allowHalfOpen: true });
  await peer.send("POST /a HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n");
  const chunk = `${MIB.toString(16)}\r\n${"x".repeat(MIB)}\r\n`;
  let isOpen = true;
  peer.socket.once("close", () => {
    isOpen = false;
  });
  let sent = 0;
  for (; isOpen && sent < 1024; sent++) {
    await peer.send(chunk);
    await new Promise((resolve) => setImmediate(resolve)); // lets a close be seen
  }
  expect(isOpen).toBe(false);
  expect(sent).toBeLessThan(32); // MiB: what is dropped, and what sockets hold
  expect(peer.received()).toContain("not interested");
});

test("over HTTP/2 the other streams go on", async () => {
  using client = await http2Client(app.url);
  const call = (name: string) =>
    client.request(
      { ":method": "POST", ":path": "/name.v1.NameService/ProcessName", "content-type": "application/json" },
      JSON.stringify({ name }),
    );
  const [large, small] = await Promise.all([call("x".repeat(5 * MIB)), call("ada")]);
  expect(large.status).toBe(429);
  expect(JSON.parse(large.body)).toMatchObject({ code: "resource_exhausted" });
  expect(small).toMatchObject({ status: 200, body: '{"name":"ADA"}' });
  const ignored = await client.request({ ":method": "POST", ":path": "/a" }, "x".repeat(MIB));
  expect(ignored).toMatchObject({ status: 200, body: "not interested" });
  expect(await call("grace")).toMatchObject({ status: 200, body: '{"name":"GRACE"}' });
});

test("Expect: 100-continue is told to go on, and then answered", async () => {
  using peer = await rawSocket(app.url);
  const [head = "", body = ""] = processNameRequest("ada", ["host: a", "expect: 100-continue"]).split("\r\n\r\n");
  await peer.send(`${head}\r\n\r\n`);
  expect((await peer.answer()).status).toBe(100);
  await peer.send(body);
  expect(await peer.answer()).toMatchObject({ status: 200, body: '{"name":"ADA"}' });
});

test("Expect: 100-continue of a request that is refused is not told to go on", async () => {
  await using guarded = await startTest({ ...inattentive, access: () => [] });
  using peer = await rawSocket(guarded.url);
  const [head = ""] = processNameRequest("ada", ["host: a", "expect: 100-continue"]).split("\r\n\r\n");
  await peer.send(`${head}\r\n\r\n`);
  expect((await peer.answer()).status).toBe(401);
});

test("an expectation that nobody knows is ignored", async () => {
  using peer = await rawSocket(app.url);
  await peer.send(processNameRequest("ada", ["host: a", "expect: miracles"]));
  expect(await peer.answer()).toMatchObject({ status: 200, body: '{"name":"ADA"}' });
});

test("none of it keeps the process from serving others", async () => {
  expect((await app.fetch("/readyz")).status).toBe(200);
});
