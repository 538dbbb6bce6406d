import { once } from "node:events";
import * as http2 from "node:http2";
import * as https from "node:https";
import * as net from "node:net";
import * as tls from "node:tls";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import Koa from "koa";
import { createChannel } from "portico/client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NameService } from "../../gen/name/v1/name_pb.js";
import { certificateGuard } from "../../src/builtin/certificate-guard.ts";
import { systemClock } from "../../src/call/clock.ts";
import { createTasks } from "../../src/call/tasks.ts";
import { createLogger } from "../../src/observe/logger.ts";
import type { PortTls } from "../../src/server/accept.ts";
import { createPort, type Port } from "../../src/server/port.ts";
import { trustedProxies } from "../../src/server/proxies.ts";
import { applicationHandler } from "../../src/service/application.ts";
import { rpcHandler } from "../../src/wire/rpc.ts";
import { chromiumNote, chromiumPath, launchChromium } from "../browser/chromium.ts";
import { findProgram, noteOn, runProgram } from "../peers/programs.ts";
import { makeCertificates } from "../support/certificates.ts";
import { upperCaseNames } from "../support/echo.ts";
import { listening } from "../support/listening.ts";

const { authority, server, client, stranger } = await makeCertificates();
const ca = authority.cert;
const curl = findProgram("curl");

/** A port with RPC and a web application, and what it has to be stopped by. */
async function openPort(
  options: PortTls,
): Promise<{ readonly port: Port; readonly url: string; readonly number: number }> {
  const log = createLogger({
    name: "tls",
    level: "silent",
    format: "json",
    colors: false,
    destination: { write: () => undefined },
  });
  const deadlines = { defaultMs: 10_000, maxMs: 10_000 };
  const application = new Koa().use((context) => {
    context.body = { version: context.req.httpVersion, secure: context.secure };
  });
  const port = createPort({
    tls: options,
    handlers: [
      certificateGuard(options.clientCa !== undefined),
      rpcHandler({ implementations: [upperCaseNames], interceptors: [], deadlines, readMaxBytes: 1_000_000 }),
      applicationHandler(application, deadlines),
    ],
    upgrades: false,
    log,
    clock: systemClock,
    tasks: createTasks(log),
    trustedProxies: trustedProxies([]),
    companionHeaders: [],
    onRecord: () => undefined,
  });
  const { port: number } = await port.listen("127.0.0.1", 0);
  return { port, number, url: `https://localhost:${number}` };
}

/** The answer to a GET over HTTP/1.1. */
async function get(url: string, options: https.RequestOptions & tls.ConnectionOptions): Promise<string> {
  const request = https.get(url, { ...options, agent: new https.Agent() });
  const [response] = (await once(request, "response")) as [import("node:http").IncomingMessage]; // of a GET
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

describe("a port with a certificate", () => {
  let opened: Awaited<ReturnType<typeof openPort>>;
  beforeAll(async () => {
    opened = await openPort(server);
  });
  afterAll(() => opened.port.destroy());

  test("speaks HTTP/1.1 and HTTP/2 by ALPN, and knows that it is secure", async () => {
    expect(await get(opened.url, { ca, ALPNProtocols: ["http/1.1"] })).toBe('{"version":"1.1","secure":true}');
    const session = http2.connect(opened.url, { ca });
    const stream = session.request({ ":path": "/" });
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    expect(Buffer.concat(chunks).toString()).toBe('{"version":"2.0","secure":true}');
    session.close();
  });

  test("speaks to a client that offers no protocol by what it says first", async () => {
    expect(await get(opened.url, { ca, ALPNProtocols: [] })).toBe('{"version":"1.1","secure":true}');
  });

  test("answers RPCs of connect-node's client and of our own", async () => {
    const theirs = createClient(NameService, createGrpcTransport({ baseUrl: opened.url, nodeOptions: { ca } }));
    expect((await theirs.processName({ name: "ada" })).name).toBe("ADA");
    await using channel = createChannel(opened.url, { tls: { ca } });
    expect((await createClient(NameService, channel).processName({ name: "ada" })).name).toBe("ADA");
  });

  test("closes a connection in cleartext, and one whose handshake stands still when it is closed itself", async () => {
    const plain = net.connect(opened.number, "127.0.0.1");
    plain.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    await once(plain.resume(), "close");
    const other = await openPort(server);
    const silent = net.connect(other.number, "127.0.0.1");
    await once(silent, "connect");
    await get(other.url, { ca }); // by now the silent one has arrived as well
    other.port.destroy();
    await once(silent.on("error", () => undefined).resume(), "close");
  });

  test("takes nothing older than TLS 1.2", async () => {
    const old = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" } as const; // OpenSSL's own floor is 1.2
    const handshake = async (port: number): Promise<string | null> => {
      const socket = tls.connect({ ...old, port, ca, servername: "localhost" });
      try {
        await once(socket, "secureConnect");
        return socket.getProtocol();
      } finally {
        socket.destroy();
      }
    };
    await using lax = await listening(tls.createServer({ ...server, ...old }));
    await expect(handshake(lax.port)).resolves.toBe("TLSv1.1");
    await expect(handshake(opened.number)).rejects.toMatchObject({ code: "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION" });
  });

  test.skipIf(curl === undefined)(`is spoken to over HTTP/2 by ${noteOn("curl", curl)}`, async () => {
    const { stdout } = await runProgram(curl ?? "", ["-sk", "--http2", "-w", " %{http_version}", opened.url]);
    expect(stdout).toBe('{"version":"2.0","secure":true} 2');
  });

  test.skipIf(chromiumPath === undefined)(`is spoken to by Chromium over HTTP/2${chromiumNote}`, async () => {
    await using browser = await launchChromium("--ignore-certificate-errors");
    const page = await browser.newPage();
    await page.goto(opened.url);
    expect(await page.textContent("body")).toBe('{"version":"2.0","secure":true}');
    const failures: (string | undefined)[] = [];
    page.on("requestfailed", (request) => failures.push(request.failure()?.errorText));
    const askAll = () =>
      page.evaluate(async () => {
        const ask = async () => (await fetch("/")).text();
        return Promise.all(Array.from({ length: 20 }, ask));
      });
    const answers = await askAll().catch((error: unknown) => {
      // Where containers come and go beside us, Chromium gives up what is under way.
      if (!failures.includes("net::ERR_NETWORK_CHANGED")) throw error;
      return askAll();
    });
    expect(answers).toEqual(Array.from({ length: 20 }, () => '{"version":"2.0","secure":true}'));
  });
});

describe("a port that asks for client certificates", () => {
  let opened: Awaited<ReturnType<typeof openPort>>;
  beforeAll(async () => {
    opened = await openPort({ ...server, clientCa: ca });
  });
  afterAll(() => opened.port.destroy());

  test("serves a client whose certificate its authority has signed", async () => {
    expect(await get(opened.url, { ca, ...client })).toBe('{"version":"1.1","secure":true}');
    await using channel = createChannel(opened.url, { tls: { ca, ...client } });
    expect((await createClient(NameService, channel).processName({ name: "ada" })).name).toBe("ADA");
  });

  test.each([
    ["without a certificate", {}],
    ["with one of its own making", stranger],
  ])("refuses a client %s", async (_name, pair) => {
    expect(JSON.parse(await get(opened.url, { ca, ...pair }))).toMatchObject({ code: "unauthenticated", status: 401 });
  });
});

test("a certificate that is none is refused with an error when the port is made", async () => {
  await expect(openPort({ cert: "no certificate", key: "no key" })).rejects.toThrow();
});
