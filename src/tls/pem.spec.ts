import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { describe, expect, test } from "vitest";
import { createAuthority } from "../../tools/certificates/authority.ts";
import { readCertificates, readPrivateKey, wordsOf } from "./pem.ts";

const authority = await createAuthority("authority");
const { cert, key } = await authority.issue({ commonName: "server" });
const BROKEN = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

describe("certificates in PEM", () => {
  test("are read in their order, whatever stands around them", () => {
    const text = `Issuer: authority\r\n${cert.replaceAll("\n", "\r\n")}\n# the authority's\n${key}${authority.cert}the end`;
    expect(readCertificates(text).map(({ subject }) => subject)).toEqual(["CN=server", "CN=authority"]);
  });

  test("may have OpenSSL's own label", () => {
    const old = cert.replaceAll(" CERTIFICATE-", " X509 CERTIFICATE-");
    expect(readCertificates(old).map(({ subject }) => subject)).toEqual(["CN=server"]);
  });

  test.each([
    ["", "holds no certificate in PEM"],
    ["no certificate", "holds no certificate in PEM"],
    [key, "holds no certificate in PEM"],
    [BROKEN, "holds a certificate that cannot be read: wrong tag"],
    [cert + BROKEN + authority.cert, "holds a certificate (the 2. of 3) that cannot be read: wrong tag"],
  ])("that are none are told so: %#", (text, message) => {
    expect(() => readCertificates(text)).toThrow(new Error(message));
  });

  test("that are cut off are not taken for those before", () => {
    const text = cert + authority.cert;
    for (const length of [cert.length - 2, cert.length + 40, text.length - 10, text.length - 2]) {
      expect(() => readCertificates(text.slice(0, length))).toThrow(new Error("holds a certificate without its end"));
    }
    expect(readCertificates(text.trimEnd())).toHaveLength(2);
  });
});

describe("a private key in PEM", () => {
  const own = createPrivateKey(key);
  const rsa = generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey;
  const inPem = (of: KeyObject, type: "pkcs1" | "pkcs8" | "sec1") => of.export({ type, format: "pem" }).toString();

  test.each([
    ["PKCS#8", key, own],
    ["SEC 1", inPem(own, "sec1"), own],
    [
      "SEC 1 behind its curve",
      `-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n${inPem(own, "sec1")}`,
      own,
    ],
    ["PKCS#1", inPem(rsa, "pkcs1"), rsa],
    ["PKCS#8, behind its certificate", cert + key, own],
  ])("is read: %s", (_form, text, expected) => {
    expect(readPrivateKey(text).equals(expected)).toBe(true);
  });

  const secret = { cipher: "aes-128-cbc", passphrase: "secret", format: "pem" } as const;
  test.each([
    ["", "holds no private key in PEM"],
    [cert, "holds no private key in PEM"],
    [own.export({ ...secret, type: "pkcs8" }), "holds a private key with a passphrase; one without is needed"],
    [own.export({ ...secret, type: "sec1" }), "holds a private key with a passphrase; one without is needed"],
    [key.slice(0, 100), "holds a private key that cannot be read: unsupported"],
  ])("that is none, or not to be used, is told so: %#", (text, message) => {
    expect(() => readPrivateKey(text.toString())).toThrow(new Error(message));
  });
});

test("of an error of OpenSSL's the reason is told, and of others what they say", () => {
  expect(wordsOf(Object.assign(new Error("error:068000A8:asn1 encoding"), { reason: "wrong tag" }))).toBe("wrong tag");
  expect(wordsOf(new Error("too large"))).toBe("too large");
  expect(wordsOf("thrown")).toBe("thrown");
});
