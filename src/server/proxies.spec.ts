import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isForwardingField, plainAddress, type TrustedProxies, trustedProxies, viewOfClient } from "./proxies.ts";

describe("trustedProxies", () => {
  test.each([
    ["10.0.0.0/8", "10.255.0.1", true],
    ["10.0.0.0/8", "11.0.0.1", false],
    ["10.1.2.3/8", "10.9.9.9", true],
    ["192.0.2.7", "192.0.2.7", true],
    ["192.0.2.7", "192.0.2.8", false],
    ["192.0.2.7/32", "192.0.2.6", false],
    ["0.0.0.0/0", "203.0.113.9", true],
    ["0.0.0.0/0", "2001:db8::1", false],
    ["2001:db8::/32", "2001:db8:ffff::1", true],
    ["2001:db8::/32", "2001:db9::1", false],
    ["::1", "0:0:0:0:0:0:0:1", true],
    ["::/0", "2001:db8::1", true],
    ["10.0.0.0/8", "::ffff:10.1.1.1", true],
    ["10.0.0.0/8", "::ffff:11.1.1.1", false],
    ["::ffff:10.0.0.0/104", "10.1.1.1", true],
    ["fe80::/10", "fe80::1%eth0", true],
    ["10.0.0.0/8", "", false],
    ["10.0.0.0/8", "10.0.0.1.example", false],
  ])("%s: %s is trusted: %s", (cidr, address, trusted) => {
    expect(trustedProxies([cidr])(address)).toBe(trusted);
  });

  test("nobody is trusted by an empty list", () => {
    fc.assert(fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (address) => !trustedProxies([])(address)));
  });

  test("a block trusts the addresses that share its first bits, and no other", () => {
    const bits = fc.integer({ min: 0, max: 0xffffffff });
    const text = (number: number) => [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join(".");
    fc.assert(
      fc.property(bits, bits, fc.integer({ min: 0, max: 32 }), (network, address, prefix) => {
        const shared = prefix === 0 || (network ^ address) >>> (32 - prefix) === 0;
        expect(trustedProxies([`${text(network)}/${prefix}`])(text(address))).toBe(shared);
      }),
    );
  });

  test.each([
    "10.0.0.0/33",
    "::/129",
    "10.0.0.0/",
    "10.0.0.0/ ",
    "10.0.0.0/0x8",
    "10.0.0.0/1e1",
    "10.0.0.0/-1",
    "10.0.0.0/8.5",
    "10.0.0.0/8/8",
    "10.0.0/8",
    "256.0.0.1",
    "localhost",
    "*",
    "",
    "/8",
  ])("%j is refused with its own text", (cidr) => {
    expect(() => trustedProxies(["127.0.0.1", cidr])).toThrow(`"${cidr}" is no address or CIDR block`);
  });
});

type Fields = Record<string, string | undefined>;

/** A head that has nothing but these fields. */
function headOf(fields: Fields) {
  return {
    field: (name: string) => fields[name],
    removeForwarding() {
      for (const name of Object.keys(fields).filter(isForwardingField)) {
        delete fields[name];
      }
    },
  };
}

function clientAddress(peer: string, fields: Fields, trusted: TrustedProxies): string {
  return viewOfClient(peer, headOf(fields), trusted).address;
}

describe("viewOfClient", () => {
  const trusted = trustedProxies(["10.0.0.0/8", "2001:db8::/32"]);

  test.each([
    ["no header", undefined, "10.0.0.1"],
    ["one hop", "203.0.113.9", "203.0.113.9"],
    ["proxies of ours in between", "203.0.113.9, 10.0.0.3,10.0.0.2", "203.0.113.9"],
    ["a spoofed entry at the left", "198.51.100.1, 203.0.113.9, 10.0.0.2", "203.0.113.9"],
    ["a spoofed entry of our own network", "10.9.9.9, 203.0.113.9, 10.0.0.2", "203.0.113.9"],
    ["proxies of ours alone", "10.0.0.3, 10.0.0.2", "10.0.0.3"],
    ["IPv6", "2001:db9::1, 2001:db8::1", "2001:db9::1"],
    ["a mapped address", "::ffff:203.0.113.9", "203.0.113.9"],
    ["a mapped proxy of ours", "203.0.113.9, ::ffff:10.0.0.2", "203.0.113.9"],
    ["a name", "203.0.113.9, unknown", "10.0.0.1"],
    ["a name behind a proxy of ours", "203.0.113.9, unknown, 10.0.0.2", "10.0.0.2"],
    ["a port", "203.0.113.9:1234", "10.0.0.1"],
    ["a hole", "203.0.113.9, , 10.0.0.2", "10.0.0.2"],
    ["nothing", "", "10.0.0.1"],
  ])("from a trusted peer, with %s", (_name, forwardedFor, expected) => {
    expect(clientAddress("10.0.0.1", { "x-forwarded-for": forwardedFor }, trusted)).toBe(expected);
  });

  test("from a trusted peer nothing is removed", () => {
    const headers = { forwarded: "for=1.1.1.1", "x-forwarded-proto": "https", "x-forwarded-for": "1.1.1.1" };
    clientAddress("10.0.0.1", headers, trusted);
    expect(Object.keys(headers)).toEqual(["forwarded", "x-forwarded-proto", "x-forwarded-for"]);
  });

  test("from any other peer what it says is neither believed nor passed on", () => {
    const headers: Record<string, string> = {
      forwarded: "for=1.1.1.1",
      "x-forwarded-for": "1.1.1.1",
      "x-forwarded-proto": "https",
      "x-forwarded-host": "a",
      "x-forwarded-anything": "b",
      "x-forwardedly": "kept",
      accept: "kept",
    };
    expect(clientAddress("203.0.113.9", headers, trusted)).toBe("203.0.113.9");
    expect(Object.keys(headers)).toEqual(["x-forwardedly", "accept"]);
  });

  test.each([
    [{ "x-forwarded-proto": "https", "x-forwarded-host": "shop.example" }, "https", "shop.example"],
    [{ "x-forwarded-proto": "http, HTTPS" }, "https", undefined],
    [{ "x-forwarded-proto": "gopher" }, undefined, undefined],
    [{ forwarded: "for=203.0.113.9;proto=https;host=shop.example" }, "https", "shop.example"],
    [{}, undefined, undefined],
  ])("from a trusted peer, %j tells scheme and host", (headers, scheme, authority) => {
    expect(viewOfClient("10.0.0.1", headOf({ ...headers }), trusted)).toMatchObject({ scheme, authority });
    const stranger = viewOfClient("203.0.113.9", headOf({ ...headers }), trusted);
    expect(stranger).toEqual({ address: "203.0.113.9", scheme: undefined, authority: undefined });
  });

  test.each([
    ["for=203.0.113.9", "203.0.113.9"],
    ['For="[2001:db9::1]:4711"', "2001:db9::1"],
    ["for=198.51.100.1, for=203.0.113.9;by=10.0.0.1, for=10.0.0.2", "203.0.113.9"],
    ["for=203.0.113.9:80", "203.0.113.9"],
    ["for=_hidden", "10.0.0.1"],
    ["nonsense", "10.0.0.1"],
  ])("from a trusted peer, forwarded: %s", (forwarded, expected) => {
    expect(clientAddress("10.0.0.1", { forwarded }, trusted)).toBe(expected);
  });

  test("whatever a caller writes at the left, the answer is what the nearest proxy of ours saw", () => {
    fc.assert(
      fc.property(fc.string(), fc.ipV4(), (spoofed, client) => {
        fc.pre(!trusted(client));
        expect(clientAddress("10.0.0.1", { "x-forwarded-for": `${spoofed}, ${client}, 10.0.0.2` }, trusted)).toBe(
          client,
        );
      }),
    );
  });
});

test("an IPv4 address that came as IPv6 is shown as IPv4, any other as it is", () => {
  expect(plainAddress("::ffff:127.0.0.1")).toBe("127.0.0.1");
  expect(plainAddress("::ffff:7f00:1")).toBe("::ffff:7f00:1");
  expect(plainAddress("::1")).toBe("::1");
  expect(plainAddress(undefined)).toBe("");
});
