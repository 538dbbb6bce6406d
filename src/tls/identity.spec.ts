import "reflect-metadata"; // which @peculiar/x509 wants loaded before itself
import { X509Certificate } from "node:crypto";
import {
  BasicConstraintsExtension,
  type Extension,
  type JsonAttributeObject,
  type JsonGeneralNames,
  type JsonNameParams,
  KeyUsageFlags,
  KeyUsagesExtension,
  Name,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createAuthority, selfSigned } from "../../tools/certificates/authority.ts";
import { identityOf } from "./identity.ts";

const ecdsa = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const keys = await crypto.subtle.generateKey(ecdsa, true, ["sign", "verify"]);
const leaf = [new BasicConstraintsExtension(false, undefined, true)];

/** A certificate as nobody should sign it. */
async function certificate(
  name: JsonNameParams,
  names: JsonGeneralNames = [],
  extensions: readonly Extension[] = leaf,
) {
  const signed = await X509CertificateGenerator.createSelfSigned({
    name: new Name(name),
    keys,
    signingAlgorithm: ecdsa,
    extensions: [...extensions, ...(names.length > 0 ? [new SubjectAlternativeNameExtension(names)] : [])],
  });
  return new X509Certificate(signed.toString("pem"));
}

async function identityBy(options: Parameters<typeof selfSigned>[0]) {
  return identityOf(new X509Certificate((await selfSigned(options)).cert));
}

const ID = "spiffe://example.org/greeter";
const ID_NAME = { type: "url", value: ID } as const;

test("a peer is known by its SPIFFE id before all, and by all that its certificate says", async () => {
  const options = {
    commonName: "greeter",
    organization: "Example",
    dnsNames: ["Greeter.Example.org", "g"],
    uris: [ID],
  };
  expect(await identityBy(options)).toEqual({
    spiffeId: ID,
    dnsNames: ["greeter.example.org", "g"],
    subject: "O=Example,CN=greeter",
    name: ID,
  });
});

test("a peer without a SPIFFE id is known by its first DNS name, and one without that by its subject", async () => {
  const byDns = await identityBy({ commonName: "greeter", dnsNames: ["B.example.org", "a.example.org"] });
  expect(byDns).toMatchObject({ spiffeId: undefined, name: "dns:b.example.org" });
  const bySubject = await identityBy({ commonName: "greeter.example.org", ipAddresses: ["127.0.0.1"] });
  expect(bySubject).toEqual({
    spiffeId: undefined,
    dnsNames: [],
    subject: "CN=greeter.example.org",
    name: "subject:CN=greeter.example.org",
  });
});

test.each([
  ["two SPIFFE ids", [ID, "spiffe://example.org/name"]],
  ["the same SPIFFE id twice", [ID, ID]],
  ["a SPIFFE id and another URI", [ID, "https://example.org"]],
  ["another URI and a SPIFFE id", ["urn:a", ID]],
  ["a URI that is no SPIFFE id", ["https://example.org/greeter"]],
  ["the SPIFFE id of a trust domain", ["spiffe://example.org"]],
  ["no URI", []],
])("a certificate with %s gives no SPIFFE id", async (_, uris) => {
  expect(await identityBy({ commonName: "a", dnsNames: ["a"], uris })).toMatchObject({
    spiffeId: undefined,
    name: "dns:a",
  });
});

test("names of other kinds beside it take nothing from a SPIFFE id (X509-SVID, 2)", async () => {
  const others: JsonGeneralNames = [
    { type: "dn", value: "CN=x\\, URI:spiffe://a/b" },
    { type: "email", value: "a@example.org" },
    { type: "ip", value: "::1" },
    { type: "id", value: "1.2.3" },
    { type: "guid", value: "8ee13e53-2c1c-42bb-8df7-39927c0bdbb6" },
    { type: "upn", value: "a, URI:spiffe://a/b" },
  ];
  expect(identityOf(await certificate([], [...others, ID_NAME]))).toMatchObject({ spiffeId: ID, dnsNames: [] });
});

describe("a certificate that may sign others gives no SPIFFE id (X509-SVID, 5.2)", () => {
  const certSign = new KeyUsagesExtension(KeyUsageFlags.digitalSignature | KeyUsageFlags.keyCertSign, true);
  const crlSign = new KeyUsagesExtension(KeyUsageFlags.digitalSignature | KeyUsageFlags.cRLSign, false);
  test.each([
    ["as an authority", [new BasicConstraintsExtension(true, undefined, true)]],
    ["as an authority that says what its key is for", [new BasicConstraintsExtension(true, undefined, true), certSign]],
    ["by what its key is for", [...leaf, certSign]],
    ["by what its key is for, as one from before there were authorities", [certSign]],
    ["lists of what is revoked", [...leaf, crlSign]],
  ])("%s", async (_, extensions) => {
    expect(identityOf(await certificate([], [ID_NAME], extensions)).spiffeId).toBeUndefined();
  });

  test.each([
    ["nothing of its key", leaf],
    ["that its key signs", [...leaf, new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true)]],
    [
      "that its key signs and agrees",
      [...leaf, new KeyUsagesExtension(KeyUsageFlags.digitalSignature | KeyUsageFlags.keyAgreement)],
    ],
    ["only another use than those", [...leaf, new KeyUsagesExtension(KeyUsageFlags.decipherOnly)]],
  ])("but not one that says %s", async (_, extensions) => {
    expect(identityOf(await certificate([], [ID_NAME], extensions)).spiffeId).toBe(ID);
  });

  test("and one that an authority makes for itself neither", async () => {
    const { cert } = await createAuthority("authority");
    expect(identityOf(new X509Certificate(cert))).toMatchObject({ spiffeId: undefined, name: "subject:CN=authority" });
  });
});

describe("a subject is written as RFC 4514 has it", () => {
  test.each<[string, JsonNameParams, string]>([
    ["nothing where it is empty", [], ""],
    ["the last part first", [{ C: ["DE"] }, { O: ["Example"] }, { CN: ["a"] }], "CN=a,O=Example,C=DE"],
    ["a part of several values with plus signs", [{ C: ["DE"] }, { CN: ["a"], O: ["b"] }], "CN=a+O=b,C=DE"],
    ["a value more than once", [{ OU: ["a"] }, { OU: ["b"] }], "OU=b,OU=a"],
    ["a kind of value without a name by its number", [{ "1.2.3.4": ["a"] }], "1.2.3.4=a"],
    ["characters beyond ASCII as they are", [{ CN: ["é😀\u2028"] }], "CN=é😀\u2028"],
  ])("%s", async (_, name, subject) => {
    const identity = identityOf(await certificate(name));
    expect(identity.subject).toBe(subject);
    expect(identity.name).toBe(`subject:${subject}`);
  });

  test.each([
    ["a comma", "a,O=Evil", "a\\,O=Evil"],
    ["a plus sign", "a+O=Evil", "a\\+O=Evil"],
    ["a plus sign between spaces", "a + O=Evil", "a \\+ O=Evil"],
    ["a line's end", "a\nO=Evil", "a\\0AO=Evil"],
    ["a NUL", "a\0b", "a\\00b"],
    ["quotes", '"a"', '\\"a\\"'],
    ["a backslash", "a\\,O=Evil", "a\\\\\\,O=Evil"],
    ["angles and a semicolon", "<a>;", "\\<a\\>\\;"],
    ["a number sign before all", "#a", "\\#a"],
    ["spaces around it", " a ", "\\ a\\ "],
    ["an equals sign", "a=b", "a=b"],
  ])("%s in a value with an escape where it needs one", async (_, value, written) => {
    const { subject } = identityOf(await certificate([{ CN: [{ utf8String: value }] }, { O: [{ utf8String: "b" }] }]));
    expect(subject).toBe(`O=b,CN=${written}`);
  });

  test("so that two subjects are the same text only where they are the same", async () => {
    const unit = fc.constantFrom("a", ",", "+", " ", "=", "\n", "\\", "CN", "O", "\0", "#", '"');
    const value = fc.string({ unit, minLength: 1, maxLength: 6 });
    const attribute = value.map((utf8String): JsonAttributeObject[] => [{ utf8String }]);
    const part = fc.oneof(fc.record({ CN: attribute }), fc.record({ CN: attribute, O: attribute }));
    const seen = new Map<string, string>();
    await fc.assert(
      fc.asyncProperty(fc.array(part, { minLength: 1, maxLength: 2 }), async (parts) => {
        const { subject } = identityOf(await certificate(parts));
        // In a part of several values the order is that of their bytes.
        const meant = JSON.stringify(parts.map((each) => Object.entries(each).sort()));
        expect(seen.get(subject) ?? meant).toBe(meant);
        seen.set(subject, meant);
      }),
      { numRuns: 300 },
    );
  });
});
