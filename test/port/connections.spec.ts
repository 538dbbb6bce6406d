import type { ServerResponse } from "node:http";
import { defineService } from "portico";
import { startTest } from "portico/testing";
import { expect, test } from "vitest";
import { echoService, processNameRequest } from "../support/echo.ts";
import { http2Client } from "../support/http2-client.ts";
import { rawSocket } from "../support/raw-socket.ts";
import { socketsDownTo } from "../support/sockets.ts";
import { until } from "../support/until.ts";

test("a connection past the limit is closed at once, and the others go on", async () => {
  await using app = await startTest(echoService({ connections: 2 }));
  using first = await rawSocket(app.url);
  using second = await rawSocket(app.url);
  using third = await rawSocket(app.url);
  expect(await third.closed).toBe("");
  for (const peer of [first, second]) {
    await peer.send(processNameRequest("ada"));
    expect((await peer.answer()).status).toBe(200);
  }
});

test("a connection that ends makes room for another", async () => {
  await using app = await startTest(echoService({ connections: 1 }));
  const first = await rawSocket(app.url);
  await first.send(processNameRequest("ada"));
  await first.answer();
  first.socket.end();
  await first.closed;
  const answer = await until(async () => {
    using next = await rawSocket(app.url);
    await next.send(processNameRequest("grace"));
    return await next.answer().catch(() => undefined);
  });
  expect(answer.status).toBe(200);
});

test("an HTTP/2 connection has as many streams at a time as it was told", async () => {
  await using app = await startTest(echoService({ streamsPerConnection: 7 }));
  using client = await http2Client(app.url);
  await until(() => client.session.remoteSettings.maxConcurrentStreams === 7);
});

test("half-closing a connection after a request does not lose an answer that takes a moment", async () => {
  const { promise: closedHalf, resolve: goOn } = Promise.withResolvers<void>();
  const http = () => async (_request: unknown, response: ServerResponse) => {
    await closedHalf;
    response.end("got it");
  };
  await using app = await startTest(defineService({ name: "slow", http }));
  using peer = await rawSocket(app.url);
  peer.socket.end("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  await app.fetch("/healthz"); // by now the end of the other connection's one side is in
  goOn();
  expect(await peer.answer()).toMatchObject({ status: 200, body: "got it" });
  await peer.closed;
});

test("no connection is left behind when the service stops, whatever became of its peers", async () => {
  await socketsDownTo(0);
  const app = await startTest(echoService());
  using silent = await rawSocket(app.url);
  using kept = await rawSocket(app.url);
  await kept.send(processNameRequest("ada"));
  await kept.answer();
  using half = await rawSocket(app.url);
  await half.send("POST /upload HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n12345");
  using session = await http2Client(app.url);
  await session.request({ ":path": "/there" });
  const stopped = app.stop();
  await Promise.all([silent.closed, kept.closed]);
  await until(() => session.session.closed);
  app.clock.advance(60_000); // the upload gets no further than the shutdown's grace
  app.clock.advance(60_000);
  await stopped;
  await half.closed;
  for (const peer of [silent, kept, half]) peer.socket.destroy();
  await socketsDownTo(0);
});
