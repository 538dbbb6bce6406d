import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { NodeHead } from "./received-head.ts";
import { readTarget, splitUrl } from "./target.ts";

/** A head whose fields are given as node:http's raw headers are. */
function request(url: string, fields: readonly string[] = ["host", "a"], method = "GET") {
  return new NodeHead({ url, method, rawHeaders: [...fields], headers: {}, httpVersionMajor: 1, httpVersionMinor: 1 });
}

test("a URL is split at its first question mark, and nothing of it is lost", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[!-~]{0,30}$/), (text) => {
      const url = `/${text}`;
      const { path, query } = splitUrl(url);
      expect(path).not.toContain("?");
      expect(url.includes("?") ? `${path}?${query}` : path).toBe(url);
    }),
  );
});

describe("readTarget", () => {
  test.each([
    ["origin form", "/a/b?c=d?e", { path: "/a/b", query: "c=d?e", authority: "a" }],
    ["an empty query", "/a?", { path: "/a", query: "", authority: "a" }],
    ["escapes, as they are", "/%2e%2E/%00?%3F", { path: "/%2e%2E/%00", query: "%3F", authority: "a" }],
    ["two slashes, which name no host", "//b/c", { path: "//b/c", query: "", authority: "a" }],
    ["absolute form", "http://a/b?c", { path: "/b", query: "c", authority: "a" }],
    ["absolute form in capitals", "HTTP://A/b", { path: "/b", query: "", authority: "A" }],
    ["absolute form without a path", "http://a", { path: "/", query: "", authority: "a" }],
    ["absolute form with a query alone", "http://a?b", { path: "/", query: "b", authority: "a" }],
  ])("reads %s", (_name, url, expected) => {
    expect(readTarget(request(url))).toEqual(expected);
  });

  test("takes `*` for OPTIONS only", () => {
    expect(readTarget(request("*", ["host", "a"], "OPTIONS"))).toEqual({ path: "*", query: "", authority: "a" });
    expect(readTarget(request("*"))).toBeUndefined();
  });

  test("takes HTTP/2's `:authority`, and a host that says the same", () => {
    expect(readTarget(request("/", [":authority", "a:1"]))?.authority).toBe("a:1");
    expect(readTarget(request("/", [":authority", "a:1", "Host", "A:1"]))?.authority).toBe("a:1");
  });

  test.each([
    ["no host", "/", []],
    ["two hosts", "/", ["Host", "a", "HOST", "b"]],
    ["a host and an authority that differ", "/", [":authority", "a", "host", "b"]],
    ["an absolute form that names another host", "http://b/", ["host", "a"]],
    ["an absolute form with user information", "http://u:p@a/", ["host", "a"]],
    ["a path without a slash", "a/b", ["host", "a"]],
    ["authority form", "a:443", ["host", "a:443"]],
    ["another scheme", "ftp://a/", ["host", "a"]],
    ["nothing", "", ["host", "a"]],
  ])("refuses %s", (_name, url, fields) => {
    expect(readTarget(request(url, fields))).toBeUndefined();
  });

  test("a field's value that reads as its name is not taken for one", () => {
    expect(readTarget(request("/", ["x-a", "host", "host", "a"]))?.authority).toBe("a");
  });
});
