import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatTimeout, parseTimeoutMs, TIMEOUT_HEADER } from "./deadline.ts";

const { grpc, connect } = TIMEOUT_HEADER;
const MAX_GRPC_MS = 99_999_999;
const MAX_GRPC_SECONDS_MS = MAX_GRPC_MS * 1000;
const MAX_CONNECT_MS = 9_999_999_999;

/** What a peer reads of what is written for it. */
function sent(header: typeof grpc | typeof connect, timeoutMs: number): number {
  return parseTimeoutMs(header, formatTimeout(header, timeoutMs)) ?? Number.NaN;
}

const timeouts = (max: number) => fc.double({ min: 0, max, noNaN: true });

describe("formatTimeout", () => {
  test("a peer reads what was meant or up to a millisecond more, never less", () => {
    for (const [header, max] of [
      [grpc, MAX_GRPC_MS],
      [connect, MAX_CONNECT_MS],
    ] as const) {
      fc.assert(
        fc.property(timeouts(max), (timeoutMs) => {
          expect(sent(header, timeoutMs)).toBeGreaterThanOrEqual(timeoutMs);
          expect(sent(header, timeoutMs) - timeoutMs).toBeLessThanOrEqual(1); // 1 of the least number above 0
        }),
      );
    }
  });

  test("gRPC's longest are whole seconds, and a peer reads up to a second more", () => {
    fc.assert(
      fc.property(fc.double({ min: MAX_GRPC_MS + 1, max: MAX_GRPC_SECONDS_MS, noNaN: true }), (timeoutMs) => {
        expect(formatTimeout(grpc, timeoutMs)).toMatch(/S$/);
        expect(sent(grpc, timeoutMs)).toBeGreaterThanOrEqual(timeoutMs);
        expect(sent(grpc, timeoutMs) - timeoutMs).toBeLessThan(1001); // a millisecond and a second are rounded up
      }),
    );
  });

  test("whatever is asked for, the value is one that the protocol allows", () => {
    fc.assert(
      fc.property(fc.oneof(fc.double({ noNaN: true }), fc.maxSafeInteger()), (timeoutMs) => {
        expect(formatTimeout(grpc, timeoutMs)).toMatch(/^\d{1,8}[mS]$/);
        expect(formatTimeout(connect, timeoutMs)).toMatch(/^\d{1,10}$/);
      }),
      { examples: [[Number.POSITIVE_INFINITY], [Number.NEGATIVE_INFINITY], [-0], [Number.MIN_VALUE], [1e21]] },
    );
  });

  test.each([
    [0, "0m", "0"],
    [-5, "0m", "0"],
    [0.2, "1m", "1"],
    [1, "1m", "1"],
    [99_999_999, "99999999m", "99999999"],
    [99_999_999.5, "100000S", "100000000"],
    [100_000_001, "100001S", "100000001"],
    [1e14, "99999999S", "9999999999"],
  ])("%d ms is written as %s and %s", (timeoutMs, asGrpc, asConnect) => {
    expect(formatTimeout(grpc, timeoutMs)).toBe(asGrpc);
    expect(formatTimeout(connect, timeoutMs)).toBe(asConnect);
  });
});

describe("parseTimeoutMs", () => {
  test.each([
    ["0n", 0],
    ["1n", 1e-6],
    ["1000u", 1],
    ["250m", 250],
    ["2S", 2000],
    ["2M", 120_000],
    ["2H", 7_200_000],
    ["99999999H", 99_999_999 * 3_600_000],
    ["00000001S", 1000],
  ])("grpc-timeout: %s is %d ms", (value, expected) => {
    expect(parseTimeoutMs(grpc, value)).toBeCloseTo(expected, 9);
  });

  test.each([
    "",
    "1",
    "m",
    "123456789m",
    "-1m",
    "+1m",
    "1.5m",
    "1 m",
    " 1m",
    "1m ",
    "1s",
    "1h",
    "1mm",
    "1m\n",
    "0x1m",
    "١m",
  ])("grpc-timeout: %j is malformed", (value) => {
    expect(parseTimeoutMs(grpc, value)).toBeUndefined();
  });

  test.each([
    ["0", 0],
    ["0000000001", 1],
    ["9999999999", 9_999_999_999],
  ])("connect-timeout-ms: %s is %d ms", (value, expected) => {
    expect(parseTimeoutMs(connect, value)).toBe(expected);
  });

  test.each(["", "12345678901", "-1", "+1", "1.5", "1e3", " 1", "1 ", "1m", "1\n", "0x10", "١"])(
    "connect-timeout-ms: %j is malformed",
    (value) => {
      expect(parseTimeoutMs(connect, value)).toBeUndefined();
    },
  );

  test("any text is either malformed or a number of milliseconds, at least 0", () => {
    const texts = fc.oneof(fc.string(), fc.stringMatching(/^\d{0,12}[HMSmunx]?$/));
    fc.assert(
      fc.property(fc.constantFrom(grpc, connect), texts, (header, text) => {
        expect(parseTimeoutMs(header, text) ?? 0).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});
