import fc from "fast-check";
import { expect, test } from "vitest";
import { distinctAddresses, formatAddress, parseAddress } from "./address.ts";

const host = fc.oneof(
  fc.domain(),
  fc.ipV4(),
  fc.ipV6(),
  fc.constantFrom("localhost", "a_b", "orders.ns.svc.", "münchen"),
);
const port = fc.integer({ min: 1, max: 65_535 });

test("an address reads the same again once it was written", () => {
  fc.assert(
    fc.property(host, port, (name, number) => {
      const address = parseAddress(formatAddress({ host: name, port: number }));
      expect(address.port).toBe(number);
      expect(parseAddress(formatAddress(address))).toEqual(address);
    }),
  );
});

test.each([
  ["a:1", { host: "a", port: 1 }],
  ["Orders.Example:65535", { host: "orders.example", port: 65_535 }],
  ["[::1]:050", { host: "::1", port: 50 }],
  ["[0:0:0:0:0:0:0:1]:50", { host: "::1", port: 50 }],
  ["10.0.0.1:80", { host: "10.0.0.1", port: 80 }],
  ["münchen:1", { host: "xn--mnchen-3ya", port: 1 }],
])("%s is an address", (text, expected) => {
  expect(parseAddress(text)).toEqual(expected);
});

test.each([
  ["", /^has no port,/],
  ["a", /^has no port,/],
  ["[::1]", /^has no port/],
  ["a:", /^has no port from 1 to 65535/],
  ["a:0", /^has no port from 1 to 65535/],
  ["a:65536", /^has no port from 1 to 65535/],
  ["a:1e3", /^has no port from 1 to 65535/],
  ["a:-1", /^has no port from 1 to 65535/],
  ["a:1/b", /^has no port from 1 to 65535/],
  ["::1:50051", /an IPv6 address stands in brackets/],
  [":1", /^has no possible host/],
  ["a b:1", /^has no possible host/],
  ["a\tb:1", /^has no possible host/],
  ["a/b:1", /^has no possible host/],
  ["a%41:1", /^has no possible host/],
  ["256.0.0.1:1", /^has no possible host/],
  ["[::g]:1", /^has no possible host/],
  ["[fe80::1%eth0]:1", /^has no possible host/],
  ["[::1:1", /^has no port/],
])("%j is none, with the reason", (text, reason) => {
  expect(() => parseAddress(text)).toThrow(reason);
});

test("of addresses that are listed twice the first place counts", () => {
  const [a, b] = [
    { host: "a", port: 1 },
    { host: "b", port: 1 },
  ];
  expect(distinctAddresses([b, a, { ...b }, { host: "a", port: 2 }, a])).toEqual([b, a, { host: "a", port: 2 }]);
});
