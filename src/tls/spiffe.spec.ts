import fc from "fast-check";
import { expect, test } from "vitest";
import { isWorkloadId } from "./spiffe.ts";

const DOMAIN_OF_255 = "d".repeat(255);
const ID_OF_2048 = `spiffe://example.org/${"p".repeat(2048 - "spiffe://example.org/".length)}`;

test.each([
  "spiffe://example.org/greeter",
  "spiffe://staging.example.com/payments/mysql",
  "spiffe://k8s-west.example.com/ns/staging/sa/default",
  "spiffe://example.com/9eebccd2-12bf-40a6-b262-65fe0487d453",
  "spiffe://trust_domain-1.example/Path_With-All.0",
  "spiffe://10.0.0.1/a",
  "spiffe://example.org/...",
  "spiffe://example.org/.a/..b",
  `spiffe://${DOMAIN_OF_255}/a`,
  ID_OF_2048,
])("a workload may be %.60s", (id) => {
  expect(isWorkloadId(id)).toBe(true);
});

// SPIFFE-ID, 2: scheme and components.
test.each([
  ["another scheme", "https://example.org/a"],
  ["the scheme in upper case", "SPIFFE://example.org/a"],
  ["no scheme", "example.org/a"],
  ["one slash", "spiffe:/example.org/a"],
  ["a query", "spiffe://example.org/a?b=c"],
  ["an empty query", "spiffe://example.org/a?"],
  ["a fragment", "spiffe://example.org/a#b"],
  ["something before it", " spiffe://example.org/a"],
  ["a line's end behind it", "spiffe://example.org/a\n"],
  ["a NUL", "spiffe://example.org/a\0"],
])("no workload has an id with %s", (_, id) => {
  expect(isWorkloadId(id)).toBe(false);
});

// SPIFFE-ID, 2.1: the trust domain.
test.each([
  ["is empty", "spiffe:///a"],
  ["has a user", "spiffe://user@example.org/a"],
  ["has a port", "spiffe://example.org:443/a"],
  ["has an empty port", "spiffe://example.org:/a"],
  ["has upper case", "spiffe://Example.org/a"],
  ["has an escape", "spiffe://example%2eorg/a"],
  ["is an IPv6 address", "spiffe://[::1]/a"],
  ["is not ASCII", "spiffe://exämple.org/a"],
  ["is longer than 255 bytes", `spiffe://${DOMAIN_OF_255}d/a`],
])("no workload has an id whose trust domain %s", (_, id) => {
  expect(isWorkloadId(id)).toBe(false);
});

// SPIFFE-ID, 2.2: the path; X509-SVID, 5.2: a workload has one.
test.each([
  ["is not there", "spiffe://example.org"],
  ["is the root", "spiffe://example.org/"],
  ["ends with a slash", "spiffe://example.org/a/"],
  ["has an empty segment", "spiffe://example.org/a//b"],
  ["begins with an empty segment", "spiffe://example.org//a"],
  ["has a dot for a segment", "spiffe://example.org/a/./b"],
  ["begins with a dot for a segment", "spiffe://example.org/./a"],
  ["has two dots for a segment", "spiffe://example.org/a/../b"],
  ["ends with two dots", "spiffe://example.org/a/.."],
  ["has an escape", "spiffe://example.org/%61"],
  ["has a star", "spiffe://example.org/*"],
  ["is not ASCII", "spiffe://example.org/ä"],
])("no workload has an id whose path %s", (_, id) => {
  expect(isWorkloadId(id)).toBe(false);
});

test("no workload has an id longer than 2048 bytes (2.3)", () => {
  expect(isWorkloadId(`${ID_OF_2048}p`)).toBe(false);
});

test("an id with one character of another kind in it is none", () => {
  const text = (characters: string) => fc.string({ unit: fc.constantFrom(...characters), minLength: 1, maxLength: 20 });
  const domain = text("az09._-");
  const segment = text("azAZ09._-").filter((written) => !/^\.{1,2}$/.test(written));
  const id = fc
    .tuple(domain, fc.array(segment, { minLength: 1, maxLength: 4 }))
    .map(([of, path]) => `spiffe://${of}/${path.join("/")}`);
  const foreign = fc
    .oneof(fc.nat(0xff), fc.nat(0x10ffff))
    .map((code) => String.fromCodePoint(code))
    .filter((written) => !/[\w./-]/.test(written));
  fc.assert(
    fc.property(id, foreign, fc.nat(), (good, bad, place) => {
      expect(isWorkloadId(good)).toBe(true);
      const at = place % (good.length + 1);
      expect(isWorkloadId(good.slice(0, at) + bad + good.slice(at))).toBe(false);
    }),
  );
});
