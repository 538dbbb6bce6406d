import { createMethodUrl } from "@connectrpc/connect/protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { GreeterService } from "../../../gen/greeter/v1/greeter_pb.js";
import { formatAddress } from "./address.ts";
import { parseTarget } from "./target.ts";

const port = fc.integer({ min: 1, max: 65_535 });
const address = fc.record({ host: fc.oneof(fc.domain(), fc.ipV4(), fc.ipV6()), port }).map(formatAddress);
const path = fc.array(fc.stringMatching(/^[a-z0-9-]{0,5}$/), { maxLength: 3 }).map((parts) => parts.join("/"));
const target = fc.oneof(
  fc.record({ scheme: fc.constantFrom("http", "https", "HTTPS"), address, path }).map((url) => {
    return `${url.scheme}://${url.address}/${url.path}`;
  }),
  address.map((name) => `dns:///${name}`),
  fc.array(address, { minLength: 1, maxLength: 4 }).map((list) => `static:///${list.join(" , ")}`),
);

describe("a target", () => {
  test("is the same again once it was read and written", () => {
    fc.assert(
      fc.property(target, (text) => {
        const read = parseTarget(text);
        expect(parseTarget(read.text)).toEqual(read);
      }),
    );
  });

  test.each([
    [
      "http://localhost:50051",
      {
        kind: "url",
        text: "http://localhost:50051/",
        scheme: "http",
        addresses: [{ host: "localhost", port: 50_051 }],
        authority: "localhost:50051",
        path: "",
      },
    ],
    [
      "HTTPS://API.example.com/v1/",
      {
        kind: "url",
        text: "https://api.example.com/v1/",
        scheme: "https",
        addresses: [{ host: "api.example.com", port: 443 }],
        authority: "api.example.com",
        path: "/v1",
      },
    ],
    [" http://[::1] ", { addresses: [{ host: "::1", port: 80 }], authority: "[::1]" }],
    [
      "dns:///Orders:50051",
      {
        kind: "dns",
        text: "dns:///orders:50051",
        scheme: undefined,
        host: "orders",
        port: 50_051,
        authority: "orders:50051",
        path: "",
      },
    ],
    ["dns:orders:443", { text: "dns:///orders:443", authority: "orders:443" }],
    ["dns:///[::1]:443", { host: "::1", authority: "[::1]:443" }],
    [
      "static:/// a:1 ,[::1]:2,A:1\n",
      {
        kind: "static",
        text: "static:///a:1,[::1]:2",
        scheme: undefined,
        addresses: [
          { host: "a", port: 1 },
          { host: "::1", port: 2 },
        ],
        authority: "a:1",
        path: "",
      },
    ],
  ])("%j is read", (text, expected) => {
    expect(parseTarget(text)).toMatchObject(expected);
  });

  test("by URL puts its path before those of the methods, as Connect does", () => {
    const method = GreeterService.method.sayHello;
    fc.assert(
      fc.property(address, path, (host, prefix) => {
        const { scheme, authority, text, path: before } = parseTarget(`http://${host}/${prefix}`);
        const url = `${scheme}://${authority}${before}/${method.parent.typeName}/${method.name}`;
        expect(url).toBe(createMethodUrl(text, method));
      }),
    );
  });

  test.each([
    ["", "begins with none of http:, https:, dns: and static:"],
    ["localhost:50051", 'the target "localhost:50051" begins with none of http:'],
    ["ftp://localhost", "begins with none of http:"],
    ["http://localhost:50051/?x=hush", 'the target "http://localhost:50051/?..." has a query or a fragment'],
    ["http://localhost:50051#hush", "has a query or a fragment"],
    ["http:localhost:50051", "cannot be read as a URL"],
    ["http://", "cannot be read as a URL"],
    ["http://a:65536", "cannot be read as a URL"],
    ["http://a:0", "has the port 0"],
    ["dns://8.8.8.8/orders:1", "names a server to ask between its second and third slash"],
    ["dns://orders:1", "names a server to ask between its second and third slash"],
    ["dns:///", "names nothing behind its slashes"],
    ["dns:", "names nothing behind its slashes"],
    ["dns:///orders", '"orders" has no port'],
    ["dns:///a:1,b:1", '"a:1,b:1" has no port from 1'],
    ["dns:////a:1", '"/a:1" has no possible host'],
    ["static:///", "names nothing behind its slashes"],
    ["static:///a:1,,b:2", '"" has no port'],
    ["static:///a:1,b", '"b" has no port'],
    ["static:///a:1,b:2?hush", '"b:2?..." has no port from 1'],
    ["static:///::1:50051", "an IPv6 address stands in brackets"],
  ])("%j is refused, with what is wrong and what is allowed", (text, complaint) => {
    const read = () => parseTarget(text);
    expect(read).toThrow(complaint);
    expect(read).toThrow("a target is a URL such as http://localhost:50051");
    expect(read).not.toThrow("hush");
  });

  test("never makes an error but a clear one that shows no password, whatever it is", () => {
    const scheme = fc.constantFrom("http://", "https://", "ftp://", "dns:///", "dns:", "static:///a:1,", "", " ");
    const secret = fc.string({ unit: "binary" }).map((text) => `hush${text}`);
    const at = fc.constantFrom("@", "%40");
    fc.assert(
      fc.property(scheme, fc.string(), secret, at, fc.string(), (start, user, password, sign, end) => {
        expect(errorOf(`${start}${user}:${password}${sign}${end}`)).toMatch(/^(?!.*hush)a target takes no user/s);
      }),
    );
    fc.assert(
      fc.property(scheme, fc.string({ unit: "binary" }), (start, rest) => {
        expect(errorOf(`${start}${rest}`) ?? "a target").toContain("a target");
      }),
    );
  });
});

function errorOf(text: string): string | undefined {
  try {
    parseTarget(text);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : "";
  }
}
