import { createPrivateKey, X509Certificate } from "node:crypto";
import { once } from "node:events";
import * as tls from "node:tls";
import { expect, test } from "vitest";
import { listening } from "../../test/support/listening.ts";
import { createAuthority, openAuthority, type Pair, selfSigned } from "./authority.ts";

const hourMs = 3_600_000;
const serverAuth = "1.3.6.1.5.5.7.3.1";
const clientAuth = "1.3.6.1.5.5.7.3.2";

function read({ cert }: Pair): X509Certificate {
  return new X509Certificate(cert);
}

test("issues certificates that are good in a handshake, for servers and for clients", async () => {
  const authority = await createAuthority("ca");
  const server = await authority.issue({ commonName: "server", dnsNames: ["localhost"] });
  const client = await authority.issue({ commonName: "client" });
  const ca = authority.cert;
  const seen = Promise.withResolvers<string | undefined>();
  const options = { ...server, ca, requestCert: true, rejectUnauthorized: true };
  await using app = await listening(
    tls.createServer(options, (socket) => seen.resolve(socket.getPeerX509Certificate()?.subject)),
  );
  const socket = tls.connect({ port: app.port, servername: "localhost", ca, ...client });
  await once(socket, "secureConnect");
  expect(await seen.promise).toBe("CN=client");
  socket.destroy();
});

test("puts into a certificate what it is asked for, and a key that belongs to it", async () => {
  const authority = await createAuthority("ca");
  const pair = await authority.issue({
    commonName: "one, two=three",
    organization: "Portico",
    dnsNames: ["localhost", "name"],
    ipAddresses: ["127.0.0.1", "::1"],
    uris: ["spiffe://portico.test/name"],
  });
  const certificate = read(pair);
  expect(certificate.subject).toBe("CN=one\\, two=three\nO=Portico");
  expect(certificate.subjectAltName).toBe(
    "DNS:localhost, DNS:name, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, URI:spiffe://portico.test/name",
  );
  expect(certificate.keyUsage).toEqual([serverAuth, clientAuth]);
  expect(certificate.ca).toBe(false);
  expect(certificate.checkPrivateKey(createPrivateKey(pair.key))).toBe(true);
  expect(certificate.checkIssued(read(authority))).toBe(true);
  expect(certificate.verify(read(authority).publicKey)).toBe(true);
});

test("limits what a certificate is for, or leaves that open", async () => {
  const authority = await createAuthority("ca");
  expect(read(await authority.issue({ commonName: "a", usages: ["serverAuth"] })).keyUsage).toEqual([serverAuth]);
  expect(read(await authority.issue({ commonName: "a", usages: [] })).keyUsage).toBeUndefined();
  expect(read(await authority.issue({ commonName: "a" })).subjectAltName).toBeUndefined();
});

test("makes certificates that hold from an hour ago for a week, or as it is told", async () => {
  const madeAt = Date.now();
  const authority = await createAuthority("ca");
  for (const pair of [authority, await authority.issue({ commonName: "a" }), await selfSigned({ commonName: "a" })]) {
    const { validFromDate, validToDate } = read(pair);
    expect(Math.abs(validFromDate.getTime() - (madeAt - hourMs))).toBeLessThan(60_000);
    expect(Math.abs(validToDate.getTime() - (madeAt + 7 * 24 * hourMs))).toBeLessThan(60_000);
  }
  const validity = { notBefore: new Date("2020-01-01T00:00:00Z"), notAfter: new Date("2050-06-01T00:00:01Z") };
  const given = read(await authority.issue({ commonName: "a", ...validity }));
  expect([given.validFromDate, given.validToDate]).toEqual([validity.notBefore, validity.notAfter]);
});

test("gives no two certificates the same number", async () => {
  const authority = await createAuthority("ca");
  const pairs = [authority, await authority.issue({ commonName: "a" }), await authority.issue({ commonName: "a" })];
  expect(new Set(pairs.map((pair) => read(pair).serialNumber)).size).toBe(3);
});

test("is the same authority when it is opened again, from the first certificate of its file", async () => {
  const [authority, other] = await Promise.all([createAuthority("ca"), createAuthority("ca")]);
  const opened = await openAuthority({ cert: authority.cert + other.cert, key: authority.key });
  expect({ cert: opened.cert, key: opened.key }).toEqual({ cert: authority.cert, key: authority.key });
  expect(read(await opened.issue({ commonName: "a" })).verify(read(authority).publicKey)).toBe(true);
});

test("vouches for another authority, which issues certificates as well", async () => {
  const root = await createAuthority("root");
  const below = await root.issueAuthority("below");
  const leaf = await below.issue({ commonName: "leaf", dnsNames: ["localhost"] });
  expect(read(below).ca).toBe(true);
  await using app = await listening(tls.createServer({ cert: leaf.cert + below.cert, key: leaf.key }));
  const socket = tls.connect({ port: app.port, servername: "localhost", ca: root.cert });
  await once(socket, "secureConnect");
  socket.destroy();
});

test("makes certificates that nobody else vouches for and that vouch for nobody", async () => {
  const certificate = read(await selfSigned({ commonName: "alone" }));
  expect(certificate.issuer).toBe("CN=alone");
  expect(certificate.verify(certificate.publicKey)).toBe(true);
  expect(certificate.ca).toBe(false);
});
