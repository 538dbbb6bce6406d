import fc from "fast-check";
import { expect, test } from "vitest";
import { readAuthority, splitAuthority } from "./authority.ts";

const names = fc
  .array(fc.stringMatching(/^[a-z_!$&'()*;=~-][a-z0-9._!$&'()*+;=~-]{0,10}$/), { minLength: 1, maxLength: 3 })
  .map((labels) => `${labels.join(".")}.example`)
  .filter((name) => !/(^|\.)xn--/.test(name)); // punycode has rules of its own
const hosts = fc.oneof(
  names,
  fc.ipV4(),
  fc.ipV6().map((address) => new URL(`http://[${address}]/`).hostname),
);
const ports = fc.option(
  fc.integer({ min: 1, max: 65_535 }).filter((port) => port !== 80),
  { nil: undefined },
);

test("every possible host and port is accepted as it is, and a URL that is made of it has it as its host", () => {
  fc.assert(
    fc.property(hosts, ports, (host, port) => {
      const authority = port === undefined ? host : `${host}:${port}`;
      expect(readAuthority([authority])).toBe(authority);
      expect(new URL(`http://${authority}/a`).host).toBe(authority);
      expect(splitAuthority(authority)).toEqual({ host, port: port === undefined ? undefined : String(port) });
    }),
  );
});

test("whatever is accepted makes a URL, with nothing of it outside the host", () => {
  const pieces = fc.constantFrom(
    "a",
    "1",
    "255",
    "256",
    "65536",
    "0",
    ".",
    ":",
    "[",
    "]",
    "::1",
    "x",
    "%",
    "@",
    "/",
    "#",
  );
  const arbitrary = fc.oneof(
    fc.array(pieces, { maxLength: 6 }).map((parts) => parts.join("")),
    fc.string(),
    fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes).toString("latin1")),
  );
  fc.assert(
    fc.property(arbitrary, (authority) => {
      fc.pre(readAuthority([authority]) !== undefined);
      const { pathname, search, hash, username, password } = new URL(`http://${authority}`);
      expect({ pathname, search, hash, username, password }).toEqual({
        pathname: "/",
        search: "",
        hash: "",
        username: "",
        password: "",
      });
    }),
    { numRuns: 1000 },
  );
});

test.each([
  ["none", []],
  ["an empty one", [""]],
  ["two that differ", ["a", "b"]],
  ["two that differ by their port", ["a:80", "a"]],
  ["a list", ["a:1,b:2"]],
  ["a port of five digits that is too large", ["a:65536"]],
  ["a port that is too large behind a zero", ["a:099999"]],
  ["a port that is no number", ["a:http"]],
  ["a negative port", ["a:-1"]],
  ["two ports", ["a:1:2"]],
  ["a port alone", [":80"]],
  ["an IPv4 address out of range", ["256.0.0.1"]],
  ["a host that ends in a number and is no address", ["1.2.3.4.5"]],
  ["an IPv6 address without brackets", ["::1"]],
  ["an IPv6 address that is none", ["[::1::2]"]],
  ["an IPv6 address with a zone", ["[fe80::1%eth0]"]],
  ["an open bracket", ["[::1"]],
  ["text behind the bracket", ["[::1]a"]],
  ["user information", ["user@a"]],
  ["a path", ["a/b"]],
  ["a query", ["a?b"]],
  ["a fragment", ["a#b"]],
  ["percent-encoding", ["a%20b"]],
  ["a space", ["a b"]],
  ["a control character", ["a\u0000"]],
  ["a line's end", ["a\r\nb"]],
  ["letters beyond ASCII", ["bücher.example"]],
])("%s is no authority", (_name, values) => {
  expect(readAuthority(values)).toBeUndefined();
});

test("`host` and `:authority` may differ in case, and the first is answered", () => {
  expect(readAuthority(["A.example:1", "a.EXAMPLE:1"])).toBe("A.example:1");
});

test("a port may be empty (RFC 3986, 3.2.3)", () => {
  expect(readAuthority(["a:"])).toBe("a:");
});
