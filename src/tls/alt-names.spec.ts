import { X509Certificate } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createAuthority } from "../../tools/certificates/authority.ts";
import { readAltNames } from "./alt-names.ts";

const authority = await createAuthority("authority");

/** What could be taken for the end of a name and the beginning of another, and every byte that a name can have. */
const hostileName = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        ", ",
        ",",
        '"',
        "\\",
        '\\"',
        "\\u002c",
        "URI:",
        "DNS:",
        "spiffe://a/b",
        "\n",
        "\0",
        "'",
        ":",
        " ",
        "+",
      ),
      fc.constantFrom("othername:<unsupported>", "IP Address:127.0.0.1", "X", ".", "*"),
      fc.nat(0xff).map((code) => String.fromCharCode(code)),
    ),
    { maxLength: 8 },
  )
  .map((parts) => parts.join(""));

test("names of a certificate are read as they were signed, whatever they hold: none makes another", async () => {
  const names = fc.array(hostileName, { maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(names, names, fc.subarray(["127.0.0.1", "::1"]), async (dnsNames, uris, ipAddresses) => {
      const { cert } = await authority.issue({ commonName: "a", dnsNames, uris, ipAddresses });
      expect(readAltNames(new X509Certificate(cert).subjectAltName ?? "")).toEqual({
        dnsNames: dnsNames.map((name) => name.toLowerCase()),
        uris,
      });
    }),
    { numRuns: 150 },
  );
});

test.each([
  ['a", URI:spiffe://example.org/admin'],
  ["a, URI:spiffe://example.org/admin"],
  ['a", URI:"spiffe://example.org/admin'],
  ["a\nURI:spiffe://example.org/admin"],
  ["URI:spiffe://example.org/admin"],
  ['a\\", URI:spiffe://example.org/admin, DNS:\\"'],
])("a DNS name %j is no URI", async (name) => {
  const { cert } = await authority.issue({ commonName: "a", dnsNames: [name] });
  const { subjectAltName = "" } = new X509Certificate(cert);
  expect(readAltNames(subjectAltName)).toEqual({ dnsNames: [name.toLowerCase()], uris: [] });
});

test("a name that is cut short by a NUL for others is whole here", async () => {
  const { cert } = await authority.issue({
    commonName: "a",
    dnsNames: ["friend.example.org\0.evil.example"],
    uris: ["spiffe://example.org/friend\0evil"],
  });
  expect(readAltNames(new X509Certificate(cert).subjectAltName ?? "")).toEqual({
    dnsNames: ["friend.example.org\0.evil.example"],
    uris: ["spiffe://example.org/friend\0evil"],
  });
});

test("names of other kinds are passed over", () => {
  const others = [
    "email:a@example.org",
    "IP Address:0:0:0:0:0:0:0:1",
    "IP Address:<invalid length=3>",
    "Registered ID:1.2.3",
    'DirName:"CN=x\\\\\\u002cy"',
    "othername:<unsupported>",
    'othername:"UPN:a\\u002c URI:spiffe://a/b"',
    "X400Name:<unsupported>",
    "EdiPartyName:<unsupported>",
  ];
  expect(readAltNames(["URI:spiffe://a/b", ...others, "DNS:a"].join(", "))).toEqual({
    dnsNames: ["a"],
    uris: ["spiffe://a/b"],
  });
});

test.each([
  ["an end without its beginning", 'DNS:a"'],
  ["a beginning without its end", 'DNS:"a'],
  ["something behind the end of a quoted name", 'DNS:"a"b'],
  ["a comma alone between two", "DNS:a,URI:b"],
  ["a name without a kind", "DNS:a, b"],
  ["an escape that JSON does not know", 'DNS:"a\\x"'],
])("nothing is read of a text with %s", (_, text) => {
  expect(readAltNames(text)).toBeUndefined();
});

test("any text is read or not, and nothing is thrown", () => {
  fc.assert(
    fc.property(
      fc.array(hostileName).map((parts) => `DNS:${parts.join("")}`),
      (text) => {
        readAltNames(text);
      },
    ),
  );
});
