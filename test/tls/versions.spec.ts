import { once } from "node:events";
import type * as http from "node:http";
import * as http2 from "node:http2";
import * as https from "node:https";
import { text } from "node:stream/consumers";
import * as tls from "node:tls";
import type { TestApp } from "portico/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../support/until.ts";
import { type BareServer, openBareServer, openServerWithoutAlpn } from "./bare-server.ts";
import { CLIENTS, curl } from "./clients.ts";
import { CLIENT_ID, makeKinds } from "./kinds.ts";
import { complaints, startSecured } from "./secured.ts";

// What is settled in a handshake besides certificates: the version, the protocol above, and whether a session goes on.

const { authority, servers, clients } = await makeKinds();
const ca = authority.cert;
/** Of no use with keys on P-256. */
const RSA_CIPHER = "ECDHE-RSA-AES128-GCM-SHA256";
/** OpenSSL's own floor is 1.2. */
const TLS_1_1 = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" } as const;

describe("a service", () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startSecured({ pair: servers.right, clientCa: ca });
  });
  afterAll(() => app.stop());

  const options = () => ({ ca, ...clients.right, port: Number(new URL(app.url).port), host: "127.0.0.1" });

  /** What a handshake comes to: the version of TLS and of HTTP, or the code of the error. */
  function shake(further: tls.ConnectionOptions): Promise<string> {
    const socket = tls.connect({ ...options(), ...further });
    return new Promise<string>((resolve) => {
      socket.on("secureConnect", () => resolve(`${socket.getProtocol()} ${socket.alpnProtocol}`));
      socket.on("error", (error) => resolve("code" in error ? String(error.code) : error.message));
    }).finally(() => socket.destroy());
  }

  test.each<[options: tls.ConnectionOptions, settled: string]>([
    [{ maxVersion: "TLSv1.2", ALPNProtocols: ["h2"] }, "TLSv1.2 h2"],
    [{ maxVersion: "TLSv1.2", ALPNProtocols: ["http/1.1"] }, "TLSv1.2 http/1.1"],
    [{ ALPNProtocols: ["http/1.1", "h2"] }, "TLSv1.3 h2"],
    [{ ALPNProtocols: ["mqtt", "http/1.1"] }, "TLSv1.3 http/1.1"],
    [{}, "TLSv1.3 false"],
  ])("settles with %o on %s", async (offered, settled) => {
    expect(await shake(offered)).toBe(settled);
  });

  test.each<[what: string, options: tls.ConnectionOptions, code: string, logged: string]>([
    [
      "TLS 1.1",
      TLS_1_1,
      "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION",
      "the peer speaks no version of TLS that we do, which are 1.2 and 1.3 (ERR_SSL_UNSUPPORTED_PROTOCOL)",
    ],
    [
      "no version of HTTP",
      { ALPNProtocols: ["mqtt"] },
      "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL",
      "the peer asks for no version of HTTP that is spoken here (ALPN) (ERR_SSL_NO_APPLICATION_PROTOCOL)",
    ],
    [
      "no cipher for its key",
      { maxVersion: "TLSv1.2", ciphers: RSA_CIPHER },
      "ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE",
      "the peer has no cipher in common with us (ERR_SSL_NO_SHARED_CIPHER)",
    ],
  ])("refuses a client that speaks %s, and says so", async (_what, offered, code, logged) => {
    expect(await shake(offered)).toBe(code);
    await until(() => complaints(app).includes(`a connection came to nothing: ${logged}`));
  });

  test("tells HTTP/2 by its first bytes where the client has left it open", async () => {
    const session = http2.connect(app.url, { createConnection: () => tls.connect(options()) });
    const stream = session.request({ ":path": "/whoami" });
    expect(await text(stream)).toBe(CLIENT_ID);
    session.close();
  });

  for (const { name, isMissing, call } of [
    curl("2", "--tls-max", "1.2"),
    curl("1.1", "--tls-max", "1.2"),
    curl("2", "--tlsv1.3"),
    curl("1.1", "--no-alpn"),
  ]) {
    test.skipIf(isMissing)(`serves ${name}`, async () => {
      expect(await call({ url: app.url, trusts: ca, shows: clients.right })).toBe("ADA");
    });
  }

  test.each(["TLSv1.2", "TLSv1.3"] as const)("knows who calls on a session of %s that is resumed", async (version) => {
    const agent = new https.Agent({ ca, ...clients.right, minVersion: version, maxVersion: version });
    const visit = async () => {
      const request = https.get(`${app.url}/whoami`, { agent });
      const [response] = (await once(request, "response")) as [http.IncomingMessage]; // node:http's
      const socket = request.socket as tls.TLSSocket; // of an agent for https:
      return { isReused: socket.isSessionReused(), version: socket.getProtocol(), identity: await text(response) };
    };
    expect(await visit()).toEqual({ isReused: false, version, identity: CLIENT_ID });
    expect(await visit()).toEqual({ isReused: true, version, identity: CLIENT_ID });
    agent.destroy();
  });
});

interface Other {
  readonly what: string;
  readonly open: () => Promise<BareServer>;
  /** What a channel says over each version of HTTP. */
  readonly over2: RegExp;
  readonly over1: RegExp;
}

const NO_VERSION =
  /: the peer speaks no version of TLS that we do, which are 1\.2 and 1\.3 \(ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION\)/;
const NO_CIPHER = /: the peer found nothing in common in the handshake \(ERR_SSL_SSL\/TLS_ALERT_HANDSHAKE_FAILURE\)/;

describe.each<Other>([
  {
    what: "TLS 1.2",
    open: () => openBareServer({ ...servers.right, maxVersion: "TLSv1.2" }),
    over2: /^ADA$/,
    over1: /^ADA$/,
  },
  {
    what: "TLS 1.1",
    open: () => openBareServer({ ...servers.right, ...TLS_1_1 }),
    over2: NO_VERSION,
    over1: NO_VERSION,
  },
  {
    what: "no cipher for its key",
    open: () => openBareServer({ ...servers.right, maxVersion: "TLSv1.2", ciphers: RSA_CIPHER }),
    over2: NO_CIPHER,
    over1: NO_CIPHER,
  },
  {
    what: "no ALPN",
    open: () => openServerWithoutAlpn(servers.right),
    over2: /: the peer does not choose HTTP\/2 by ALPN/,
    over1: /^ADA$/,
  },
])("a server that speaks $what", ({ open, over2, over1 }) => {
  let server: BareServer;
  beforeAll(async () => {
    server = await open();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  test.each(CLIENTS.filter(({ family }) => family === "portico"))("$name", async ({ name, call }) => {
    expect(await call({ url: server.url, trusts: ca })).toMatch(name.endsWith("HTTP/2") ? over2 : over1);
  });
});
