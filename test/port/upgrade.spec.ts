import type { Duplex } from "node:stream";
import { currentCall, defineService } from "portico";
import { startTest } from "portico/testing";
import { expect, test } from "vitest";
import { accessLine } from "../support/access.ts";
import { echoService } from "../support/echo.ts";
import { rawSocket } from "../support/raw-socket.ts";

const upgradeRequest = (protocol: string) =>
  `GET /chat?x=1 HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: ${protocol}\r\n\r\n`;

/** A service that speaks a protocol of its own on an upgraded connection: every byte comes back. */
function echoingUpgrade() {
  const taken: Duplex[] = [];
  const service = defineService({
    name: "upgrading",
    http: () => (_request, response) => void response.end("no upgrade"),
    upgrade: () => (request, socket, head) => {
      taken.push(socket);
      socket.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n`);
      socket.write(`${request.url}:`);
      socket.write(head);
      socket.on("data", (chunk) => socket.write(chunk));
    },
  });
  return { service, taken };
}

test("an upgrade reaches the service's handler with nothing lost, and is logged", async () => {
  const { service } = echoingUpgrade();
  await using app = await startTest(service);
  using peer = await rawSocket(app.url);
  await peer.send(`${upgradeRequest("echo")}first words`);
  await peer.until("/chat?x=1:first words");
  await peer.send(" and more");
  await peer.until("first words and more");
  peer[Symbol.dispose]();
  await accessLine(app, { first_request_line: "GET /chat?x=1 HTTP/1.1", response_status: 101 });
});

test("an upgrade that comes byte by byte loses nothing either", async () => {
  const { service } = echoingUpgrade();
  await using app = await startTest(service);
  using peer = await rawSocket(app.url);
  await peer.sendByteByByte(`${upgradeRequest("echo")}words`);
  await peer.until("/chat?x=1:words");
});

test("an upgraded connection keeps its own times", async () => {
  const { service } = echoingUpgrade();
  await using app = await startTest(service);
  using peer = await rawSocket(app.url);
  await peer.send(upgradeRequest("echo"));
  await peer.until("/chat?x=1:");
  for (let hour = 0; hour < 3; hour++) {
    app.clock.advance(3_600_000);
  }
  await peer.send("still here");
  await peer.until("still here");
});

test("an upgraded connection ends with the service", async () => {
  const { service, taken } = echoingUpgrade();
  const app = await startTest(service);
  using peer = await rawSocket(app.url);
  await peer.send(upgradeRequest("echo"));
  await peer.until("/chat?x=1:");
  await app.stop();
  await peer.closed;
  expect(taken.every(({ destroyed }) => destroyed)).toBe(true);
});

test.for(["h2c", "h2c, echo", "H2C"])(
  "Upgrade: %s is ignored, also where there is an upgrade handler",
  async (name) => {
    const { service, taken } = echoingUpgrade();
    await using app = await startTest(service);
    using peer = await rawSocket(app.url);
    await peer.send(
      upgradeRequest(name).replace(
        "connection: upgrade",
        "connection: upgrade, http2-settings\r\nhttp2-settings: AAMAAABk",
      ),
    );
    expect(await peer.answer()).toMatchObject({ status: 200, body: "no upgrade" });
    expect(taken).toEqual([]);
  },
);

test("without an upgrade handler Upgrade is ignored, and the connection stays", async () => {
  await using app = await startTest(echoService());
  using peer = await rawSocket(app.url);
  for (const protocol of ["websocket", "h2c"]) {
    await peer.send(upgradeRequest(protocol));
    const { status, headers, body } = await peer.answer();
    expect(status).toBe(200);
    expect(headers.get("connection")).not.toBe("close");
    expect(JSON.parse(body)).toMatchObject({ url: "/chat?x=1" });
  }
});

test.each([
  ["an impossible Host", "a:1,b:2", "", 400],
  ["a host that browsers may not use", "evil.example", "origin: http://evil.example\r\n", 403],
])("an upgrade to %s is refused like any request, and reaches no handler", async (_name, host, fields, status) => {
  const { service, taken } = echoingUpgrade();
  await using app = await startTest(service, { config: { NODE_ENV: "development" } });
  using peer = await rawSocket(app.url);
  await peer.send(`GET /chat HTTP/1.1\r\nhost: ${host}\r\n${fields}connection: upgrade\r\nupgrade: echo\r\n\r\n`);
  expect((await peer.answer()).status).toBe(status);
  expect(taken).toEqual([]);
});

test("a page of a stranger's origin opens no upgraded connection, and one of an allowed origin does", async () => {
  const { service, taken } = echoingUpgrade();
  await using app = await startTest(service, { config: { CORS_ORIGINS: "https://shop.example" } });
  const request = (origin: string) => upgradeRequest("echo").replace("\r\n", `\r\norigin: ${origin}\r\n`);
  using stranger = await rawSocket(app.url);
  await stranger.send(request("https://evil.example"));
  expect((await stranger.answer()).status).toBe(403);
  expect(taken).toEqual([]);
  using shop = await rawSocket(app.url);
  await shop.send(request("https://shop.example"));
  await shop.until("101 Switching Protocols");
});

test("an upgrade is part of its call, and one that fails ends only itself", async () => {
  const service = defineService({
    name: "failing",
    upgrade: () => () => {
      throw new Error(`no upgrade today, ${currentCall().requestId}`);
    },
  });
  await using app = await startTest(service);
  using peer = await rawSocket(app.url);
  const request = "GET / HTTP/1.1\r\nhost: a\r\nx-request-id: up-1\r\ncookie: a=hushhush\r\n";
  await peer.send(`${request}connection: upgrade\r\nupgrade: echo\r\n\r\n`);
  await peer.closed;
  await accessLine(app, { request_id: "up-1", response_status: 101 });
  expect(app.logs).toContainEqual(expect.objectContaining({ request_id: "up-1", message: "an upgrade failed" }));
  expect((await app.fetch("/healthz")).status).toBe(200);
});
