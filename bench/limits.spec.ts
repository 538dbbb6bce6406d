import { describe, expect, test } from "vitest";
import type { Contender } from "./contenders.ts";
import { judge } from "./limits.ts";

const measured = new Map<Contender, number>([
  ["bare", 2],
  ["node-http2", 16],
  ["grpc-go", 4],
]);

describe("a limit", () => {
  test("that says at most is met by the very figure", () => {
    expect(judge({ of: "bare", atMost: 1 / 8, to: "node-http2" }, measured)).toEqual({
      limit: "bare: at most 1/8 of node-http2",
      isMet: true,
      measured: "1/8",
    });
  });

  test("that says below is not", () => {
    expect(judge({ of: "bare", below: 1 / 2, to: "grpc-go" }, measured).isMet).toBe(false);
  });

  test("may be a number of a unit", () => {
    expect(judge({ of: "bare", atMost: 1, unit: "KiB" }, measured)).toEqual({
      limit: "bare: at most 1 KiB",
      isMet: false,
      measured: "2.0 KiB",
    });
  });

  test("that somebody absent is part of is neither met nor broken, and says who", () => {
    expect(judge({ of: "bare", atMost: 1, to: "fastify" }, measured)).toEqual({
      limit: "bare: at most fastify",
      isMet: undefined,
      measured: "fastify is absent",
    });
  });
});
