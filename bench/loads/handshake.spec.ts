import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { createSecureServer, type SecureServerOptions, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo, Server } from "node:net";
import { createSecureContext, createServer } from "node:tls";
import { afterEach, expect, test } from "vitest";
import { makeCertificates } from "../../test/support/certificates.ts";
import { expectRefusal, type HandshakeTarget, shakeHands } from "./handshake.ts";
import { named } from "./messages.ts";

const { authority, server, client } = await makeCertificates();
const trusting = createSecureContext({ ca: authority.cert });
const known = createSecureContext({ ca: authority.cert, cert: client.cert, key: client.key });
const { fingerprint256: fingerprint } = new X509Certificate(server.cert);
const MUTUAL = { ca: authority.cert, requestCert: true, rejectUnauthorized: true };

const servers: Server[] = [];
afterEach(() => {
  for (const opened of servers.splice(0)) opened.close();
});

async function listen(opened: Server): Promise<HandshakeTarget> {
  servers.push(opened);
  opened.listen(0, "127.0.0.1");
  await once(opened, "listening");
  const { port } = opened.address() as AddressInfo; // of a server that listens
  return { port, secureContext: trusting, fingerprint, isCalled: false };
}

function silent(options: SecureServerOptions = {}): Promise<HandshakeTarget> {
  return listen(
    createServer({ cert: server.cert, key: server.key, ALPNProtocols: ["h2"], ...options }, (socket) => {
      socket.on("error", () => undefined);
      socket.resume();
    }),
  );
}

async function answering(name: string): Promise<HandshakeTarget> {
  const opened = createSecureServer({ cert: server.cert, key: server.key });
  opened.on("stream", (stream: ServerHttp2Stream) => {
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.end(named(name));
  });
  return { ...(await listen(opened)), isCalled: true };
}

test("gives a ticket that resumes the session", async () => {
  const target = await silent();
  const ticket = await shakeHands(target);
  expect(await shakeHands(target, ticket)).toBe(ticket);
});

test("says so where a session that was to be resumed is new", async () => {
  const ticket = await shakeHands(await silent());
  await expect(shakeHands(await silent(), ticket)).rejects.toThrow("its session is new");
});

test("says so where it is not by TLS 1.3", async () => {
  await expect(shakeHands(await silent({ maxVersion: "TLSv1.2" }))).rejects.toThrow("it is by TLSv1.2");
});

test("says so where the server has a certificate that is trusted, and another than it should be", async () => {
  const target = { ...(await silent()), fingerprint: "00" };
  await expect(shakeHands(target)).rejects.toThrow("the server has another certificate");
});

test("fails where the server's certificate is not trusted", async () => {
  const target = { ...(await silent()), secureContext: createSecureContext({ ca: client.cert }) };
  await expect(shakeHands(target)).rejects.toThrow("certificate");
});

test("makes a call, and fails where it is answered wrongly", async () => {
  await shakeHands(await answering("TEST"));
  await expect(shakeHands(await answering("OTHER"))).rejects.toThrow("The answer is a message of 12 bytes.");
});

test("tells servers that want certificates from those that do not", async () => {
  const target = await silent(MUTUAL);
  await shakeHands({ ...target, secureContext: known });
  await expectRefusal(target);
  await expect(expectRefusal(await silent())).rejects.toThrow("takes clients without a certificate");
});
