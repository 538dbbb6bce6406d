import * as bson7 from "bson";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { recentVersions, versions } from "../../test/types/bson-versions.ts";
import { refusal } from "../../test/types/refusal.ts";
import { type LongLike, longOfInt64 } from "./long.ts";

const MIN = -(2n ** 63n);
const MAX = 2n ** 63n - 1n;
const ENDS = [0n, 2n ** 31n, 2n ** 32n, 2n ** 53n, 2n ** 62n, MIN, MAX]
  .flatMap((end) => [end - 1n, end, end + 1n, -end - 1n, -end, -end + 1n])
  .filter((end) => end >= MIN && end <= MAX);

const int64s = fc.oneof(fc.constantFrom(...ENDS), fc.bigInt({ min: MIN, max: MAX }));
const int32s = fc.oneof(fc.constantFrom(0, 1, -1, 2 ** 31 - 1, -(2 ** 31)), fc.integer());

describe.each(recentVersions)("by $name", ({ bson: { Long } }) => {
  const type = longOfInt64(Long);

  test.each(ENDS)("%i is a Long of its class, and comes back as it was", (wire) => {
    expect(type.fromWire(wire, "n").toString()).toBe(String(wire));
    expect(type.toWire(type.fromWire(wire, "n"), "n")).toBe(wire);
  });

  test("whatever has 64 bits is a Long of its class, and comes back as it was", () => {
    fc.assert(
      fc.property(int64s, (wire) => {
        const long = type.fromWire(wire, "n");
        expect(long).toBeInstanceOf(Long);
        expect(long.unsigned).toBe(false);
        expect(long).toEqual(Long.fromString(String(wire)));
        expect(type.toWire(long, "n")).toBe(wire);
      }),
      { numRuns: 1000 },
    );
  });

  test.each(versions)("what is read equals the Long of $name that was written", ({ bson }) => {
    fc.assert(
      fc.property(int32s, int32s, (low, high) => {
        const given = new bson.Long(low, high);
        const read = type.fromWire(type.toWire(given, "n"), "n");
        expect(String(read)).toBe(String(given));
      }),
    );
  });

  test("a Long without a sign is written where it fits, and refused where it is larger", () => {
    fc.assert(
      fc.property(int32s, int32s, (low, high) => {
        const write = () => type.toWire(new Long(low, high, true), "n");
        if (high >= 0) {
          expect(write()).toBe(type.toWire(new Long(low, high, false), "n"));
        } else {
          expect(refusal(write).message).toBe(
            "n must be a Long, or a whole number, of 64 bits with a sign; it is larger",
          );
        }
      }),
    );
  });
});

describe.each(versions)("a Long of $name", ({ bson: { Long } }) => {
  const type = longOfInt64(Long);

  test("is written as the number that it is", () => {
    fc.assert(
      fc.property(int64s, (wire) => {
        expect(type.toWire(Long.fromString(String(wire)), "n")).toBe(wire);
      }),
      { numRuns: 1000 },
    );
  });
});

const { toWire } = longOfInt64(bson7.Long);

/** Something that a handler without types may give. */
function anything(value: unknown): LongLike {
  return value as LongLike; // which is what is tested
}

test("a safe integer is written as it is", () => {
  fc.assert(fc.property(fc.maxSafeInteger(), (number) => toWire(number, "n") === BigInt(number)));
  expect(toWire(Number.MAX_SAFE_INTEGER, "n")).toBe(2n ** 53n - 1n);
  expect(toWire(Number.MIN_SAFE_INTEGER, "n")).toBe(1n - 2n ** 53n);
  expect(toWire(-0, "n")).toBe(0n);
});

test("a bigint is written where it has 64 bits, and refused where it has more", () => {
  fc.assert(fc.property(int64s, (wire) => toWire(wire, "n") === wire));
  fc.assert(
    fc.property(fc.bigInt({ min: MAX + 1n }), (wire) => {
      for (const beyond of [wire, -wire - 1n]) {
        expect(refusal(() => toWire(beyond, "n")).message).toMatch(/with a sign; it is larger$/);
      }
    }),
  );
});

test("a number that is no safe integer is refused: what it was meant to be cannot be known", () => {
  const ends = fc.constantFrom(Number.NaN, Infinity, -Infinity, 2 ** 53, -(2 ** 53), 0.5, 5e-324, 1e300);
  fc.assert(
    fc.property(fc.oneof(ends, fc.double()), (number) => {
      fc.pre(!Number.isSafeInteger(number));
      expect(refusal(() => toWire(number, "n")).problem).toMatch(
        /; it is a number that is not whole, or beyond Number\.MAX_SAFE_INTEGER$/,
      );
    }),
  );
});

test.each([
  [undefined, "it is undefined"],
  [null, "it is null"],
  ["5", "it is a string"],
  [true, "it is a boolean"],
  [{ _bsontype: "Long", high: 0, low: 5 }, "it is an object of Object"],
  [new bson7.Timestamp(5n), "it is a BSON Timestamp"],
  [new bson7.Int32(5), "it is a BSON Int32"],
])("%j is refused: %s", (value, problem) => {
  expect(refusal(() => toWire(anything(value), "n")).message).toBe(
    `n must be a Long, or a whole number, of 64 bits with a sign; ${problem}`,
  );
});
