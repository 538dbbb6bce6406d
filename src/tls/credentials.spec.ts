import { describe, expect, test } from "vitest";
import { smallPair, usagePair } from "../../test/tls/unusual-pairs.ts";
import { type CertificateOptions, createAuthority, type Pair } from "../../tools/certificates/authority.ts";
import { type CredentialRole, CredentialsError, type CredentialUse, checkCredentials } from "./credentials.ts";

const DAY_MS = 86_400_000;
/** A whole second, as certificates have it. */
const NOW = Math.floor(Date.now() / 1000) * 1000;
const authority = await createAuthority("authority");
const paths = { cert: "tls.crt", key: "tls.key", clientCa: "clients.crt", ca: "ca.crt" };
const toClients: CredentialUse = { nameOf: (role) => `FILE=${paths[role]}`, shownTo: "clients" };
const toServers: CredentialUse = { ...toClients, shownTo: "servers" };

const daysFromNow = (days: number) => new Date(NOW + days * DAY_MS);
const iso = (days: number) => daysFromNow(days).toISOString().replace(".000Z", "Z");
const issue = (options: Partial<CertificateOptions> = {}) => authority.issue({ commonName: "server", ...options });
const withChain = (pair: Pair, chain: string): Pair => ({ cert: pair.cert + chain, key: pair.key });

/** What is said of credentials that cannot be used; fails where they can. */
function problemOf(pems: Partial<Record<CredentialRole, string>>, use = toClients): string {
  try {
    checkCredentials(pems, use, NOW);
  } catch (error) {
    expect(error).toBeInstanceOf(CredentialsError);
    return (error as Error).message; // by the line before
  }
  throw new Error("they can be used");
}

describe("credentials that can be used", () => {
  test("are given back as they are, with what people want to know of the certificate", async () => {
    const pair = await issue({ notAfter: daysFromNow(3) });
    expect(checkCredentials({ ...pair, clientCa: authority.cert, ca: authority.cert }, toClients, NOW)).toEqual({
      pair,
      clientCa: authority.cert,
      ca: authority.cert,
      certificate: { holder: "subject:CN=server", endsAt: NOW + 3 * DAY_MS, isForClients: true },
    });
  });

  test("end with the first certificate of the chain that does, and are the first one's", async () => {
    const between = await authority.issueAuthority("between", { notAfter: daysFromNow(2) });
    const pair = await between.issue({ commonName: "server", dnsNames: ["a.test"], notAfter: daysFromNow(3) });
    const { certificate } = checkCredentials(withChain(pair, between.cert), toClients, NOW);
    expect(certificate).toMatchObject({ holder: "dns:a.test", endsAt: NOW + 2 * DAY_MS });
  });

  test("may be authorities without a pair, and half a pair counts as none", async () => {
    const none = { pair: undefined, clientCa: undefined, ca: undefined, certificate: undefined };
    const { cert, key } = await issue();
    expect(checkCredentials({ ca: authority.cert }, toServers, NOW)).toEqual({ ...none, ca: authority.cert });
    expect(checkCredentials({ cert }, toServers, NOW)).toEqual(none);
    expect(checkCredentials({ key }, toServers, NOW)).toEqual(none);
  });

  test("may stand in one file, certificate and key", async () => {
    const { cert, key } = await issue();
    expect(checkCredentials({ cert: key + cert, key: key + cert }, toClients, NOW).pair?.cert).toBe(key + cert);
  });

  test("may trust a bundle of which one authority at least has not expired", async () => {
    const over = await createAuthority("over", { notBefore: daysFromNow(-2), notAfter: daysFromNow(-1) });
    const ca = over.cert + authority.cert;
    expect(checkCredentials({ ca }, toClients, NOW).ca).toBe(ca);
  });

  test.each([
    ["for servers alone", ["serverAuth"], false],
    ["for both", ["serverAuth", "clientAuth"], true],
    ["that does not say", [], true],
  ] as const)("show clients a certificate %s", async (_what, usages, isForClients) => {
    expect(checkCredentials(await issue({ usages }), toClients, NOW).certificate).toMatchObject({ isForClients });
  });

  test("may have a certificate for whatever use", async () => {
    const pair = await usagePair("2.5.29.37.0");
    expect(checkCredentials(pair, toClients, NOW).certificate).toMatchObject({ isForClients: true });
    expect(checkCredentials(pair, toServers, NOW).pair).toEqual(pair);
  });
});

describe("what cannot be used is said of a file by its name", () => {
  const BROKEN = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

  test.each(["clientCa", "ca"] as const)("of authorities: %s", async (role) => {
    const file = `FILE=${paths[role]}`;
    const over = await createAuthority("over", { notBefore: daysFromNow(-2), notAfter: daysFromNow(0) });
    const pair = await issue();
    expect(problemOf({ ...pair, [role]: "" })).toBe(`${file} holds no certificate in PEM`);
    expect(problemOf({ ...pair, [role]: authority.cert + BROKEN })).toBe(
      `${file} holds a certificate (the 2. of 2) that cannot be read: wrong tag`,
    );
    expect(problemOf({ ...pair, [role]: authority.cert + authority.cert.slice(0, 100) })).toBe(
      `${file} holds a certificate without its end`,
    );
    expect(problemOf({ ...pair, [role]: over.cert + over.cert })).toBe(
      `${file} holds no certificate that has not expired`,
    );
    expect(problemOf({ ...pair, [role]: pair.cert })).toBe(`${file} holds no certificate of an authority`);
  });

  test("of the certificate", async () => {
    const { cert, key } = await issue();
    expect(problemOf({ cert: key, key })).toBe("FILE=tls.crt holds no certificate in PEM");
    expect(problemOf({ cert: BROKEN, key })).toBe("FILE=tls.crt holds a certificate that cannot be read: wrong tag");
    expect(problemOf({ cert: cert + BROKEN, key })).toBe(
      "FILE=tls.crt holds a certificate (the 2. of 2) that cannot be read: wrong tag",
    );
  });

  test("of the key", async () => {
    const { cert } = await issue();
    const other = await issue();
    expect(problemOf({ cert, key: cert })).toBe("FILE=tls.key holds no private key in PEM");
    expect(problemOf({ cert, key: other.key.slice(0, 60) })).toBe(
      "FILE=tls.key holds a private key that cannot be read: unsupported",
    );
    expect(problemOf({ cert, key: other.key })).toBe("FILE=tls.key is not the key to the certificate in FILE=tls.crt");
  });

  test("of a key that is another of the chain's", async () => {
    const pair = await issue();
    expect(problemOf({ cert: authority.cert + pair.cert, key: pair.key })).toBe(
      "FILE=tls.key is not the key to the certificate in FILE=tls.crt",
    );
  });

  test("of times: over, to the second, and yet to come", async () => {
    const over = await issue({ notBefore: daysFromNow(-2), notAfter: daysFromNow(0) });
    expect(problemOf(over)).toBe(
      `FILE=tls.crt holds the certificate of subject:CN=server, which has expired on ${iso(0)}`,
    );
    expect(checkCredentials(over, toClients, NOW - 1).pair).toEqual(over);
    const early = await issue({ notBefore: daysFromNow(1), notAfter: daysFromNow(2) });
    expect(problemOf(early)).toBe(
      `FILE=tls.crt holds the certificate of subject:CN=server, which is not valid before ${iso(1)}`,
    );
    expect(checkCredentials(early, toClients, NOW + DAY_MS).pair).toEqual(early);
  });

  test("of times of the chain", async () => {
    const between = await authority.issueAuthority("between", {
      notBefore: daysFromNow(-2),
      notAfter: daysFromNow(-1),
    });
    expect(problemOf(withChain(await between.issue({ commonName: "server" }), between.cert))).toBe(
      `FILE=tls.crt holds the certificate of subject:CN=between, which has expired on ${iso(-1)}`,
    );
  });

  test("of what the certificate is for", async () => {
    expect(problemOf(await issue({ usages: ["clientAuth"] }), toClients)).toBe(
      "FILE=tls.crt holds a certificate that is not for servers (extended key usage)",
    );
    expect(problemOf(await issue({ usages: ["serverAuth"] }), toServers)).toBe(
      "FILE=tls.crt holds a certificate that is not for clients (extended key usage)",
    );
    expect(problemOf(await usagePair("1.3.6.1.5.5.7.3.4"), toClients)).toContain("not for servers");
  });

  test("of what OpenSSL does not take", async () => {
    expect(problemOf(await smallPair())).toBe("FILE=tls.crt with FILE=tls.key cannot be used: ee key too small");
  });
});
