import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import * as http from "node:http";
import * as https from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { listening } from "../test/support/listening.ts";
import { createAuthority } from "./certificates/authority.ts";
import { untilStarted } from "./readiness.ts";

const authority = await createAuthority("ca");
const server = await authority.issue({ commonName: "server", dnsNames: ["localhost"] });

let folder: string;
let ca: string;
let otherCa: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "portico-readiness-"));
  ca = join(folder, "ca.crt");
  otherCa = join(folder, "other.crt");
  await writeFile(ca, authority.cert);
  await writeFile(otherCa, (await createAuthority("ca")).cert);
});
afterAll(() => rm(folder, { recursive: true }));

/** Answers the first questions with 503. */
function answering(unready: number, body = "{}") {
  let asked = 0;
  const enough = new AbortController();
  return {
    asked: () => asked,
    enough: enough.signal,
    listener: (_request: http.IncomingMessage, response: http.ServerResponse) => {
      asked += 1;
      response.writeHead(asked > unready ? 200 : 503).end(body);
    },
    /** For connections that come to no question. */
    refuse: () => enough.abort(),
  };
}

/** Has a listener answer in cleartext. */
async function cleartext(listener: http.RequestListener) {
  const app = http.createServer(listener).listen(0, "127.0.0.1");
  await once(app, "listening");
  const { port } = app.address() as AddressInfo; // it listens on a port
  return { url: `http://localhost:${port}`, tls: undefined, [Symbol.asyncDispose]: () => app[Symbol.asyncDispose]() };
}

test("asks until the service is ready", async () => {
  const { listener, asked } = answering(2);
  await using place = await cleartext(listener);
  expect(await untilStarted(place, new AbortController().signal)).toEqual([]);
  expect(asked()).toBe(3);
});

test("takes a service for started that lacks something, and says what", async () => {
  const { listener } = answering(Number.POSITIVE_INFINITY, '{"status":"failing","failing":["store","queue"]}');
  await using place = await cleartext(listener);
  expect(await untilStarted(place, new AbortController().signal)).toEqual(["store", "queue"]);
});

test.each(['{"status":"draining"}', '{"status":"failing"}', "null", "bad gateway", ""])(
  "goes on asking where the answer is 503 with %j",
  async (body) => {
    const { listener, asked } = answering(1, body);
    await using place = await cleartext(listener);
    expect(await untilStarted(place, new AbortController().signal)).toEqual([]);
    expect(asked()).toBe(2);
  },
);

test("asks over TLS, and needs no certificate to show", async () => {
  const { listener } = answering(1);
  const options = { ...server, ca: authority.cert, requestCert: true, rejectUnauthorized: false };
  await using app = await listening(https.createServer(options, listener));
  const place = { url: `https://localhost:${app.port}`, tls: { ca, pair: undefined } };
  expect(await untilStarted(place, new AbortController().signal)).toEqual([]);
});

test.each([
  ["by nobody whom it is told of", () => otherCa],
  ["where the file is not there", () => join(folder, "none.crt")],
])("does not take a service for started that is vouched for %s", async (_how, file) => {
  const { listener, refuse, enough } = answering(0);
  await using app = await listening(https.createServer(server, listener).on("tlsClientError", refuse));
  const place = { url: `https://localhost:${app.port}`, tls: { ca: file(), pair: undefined } };
  expect(await untilStarted(place, enough)).toBeUndefined();
});
