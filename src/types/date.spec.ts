import { runInNewContext } from "node:vm";
import { create } from "@bufbuild/protobuf";
import { type Timestamp, TimestampSchema } from "@bufbuild/protobuf/wkt";
import * as bson7 from "bson";
import fc from "fast-check";
import { expect, test } from "vitest";
import { refusal } from "../../test/types/refusal.ts";
import { dateDroppingNanoseconds, dateOfTimestamp } from "./date.ts";

const FIRST = Date.parse("0001-01-01T00:00:00.000Z");
const LAST = Date.parse("9999-12-31T23:59:59.999Z");
const LAST_OF_DATES = 8.64e15;

const RANGE = "at must be from 0001-01-01T00:00:00Z to 9999-12-31T23:59:59.999999999Z";
const NOT_WHOLE = "at must be in whole milliseconds, as a Date is";
const YEARS = "at must be a Date of the years 1 to 9999";

/** Milliseconds from 1970. */
const times = fc.oneof(
  fc.constantFrom(FIRST, FIRST + 1, -1001, -1000, -999, -1, 0, 1, 999, 1000, LAST - 1, LAST),
  fc.integer({ min: FIRST, max: LAST }),
);
const seconds = fc.oneof(
  fc.constantFrom(-62_135_596_800n, -1n, 0n, 1n, 253_402_300_799n),
  fc.bigInt({ min: -62_135_596_800n, max: 253_402_300_799n }),
);
const nanos = fc.oneof(fc.constantFrom(0, 1, 999_999, 1_000_000, 999_999_999), fc.nat(999_999_999));

function timestamp(wireSeconds: bigint, wireNanos: number): Timestamp {
  return create(TimestampSchema, { seconds: wireSeconds, nanos: wireNanos });
}

/** Nanoseconds from 1970: what a Timestamp is, exactly. */
function instant(wire: Timestamp): bigint {
  return wire.seconds * 1_000_000_000n + BigInt(wire.nanos);
}

test("a Date is written as the same instant, in seconds and positive nanoseconds, and comes back", () => {
  fc.assert(
    fc.property(times, (time) => {
      const wire = dateOfTimestamp.toWire(new Date(time), "at");
      expect(instant(wire)).toBe(BigInt(time) * 1_000_000n);
      expect(wire.nanos).toBeGreaterThanOrEqual(0);
      expect(wire.nanos).toBeLessThan(1_000_000_000);
      expect(wire).toEqual({ ...timestamp(wire.seconds, wire.nanos) });
      expect(dateOfTimestamp.fromWire(wire, "at").getTime()).toBe(time);
      expect(dateDroppingNanoseconds.fromWire(wire, "at").getTime()).toBe(time);
      expect(dateDroppingNanoseconds.toWire(new Date(time), "at")).toEqual(wire);
    }),
    { numRuns: 1000 },
  );
});

test("a Timestamp in whole milliseconds comes back as it was", () => {
  fc.assert(
    fc.property(seconds, fc.nat(999), (whole, milliseconds) => {
      const wire = timestamp(whole, milliseconds * 1_000_000);
      expect(instant(dateOfTimestamp.toWire(dateOfTimestamp.fromWire(wire, "at"), "at"))).toBe(instant(wire));
    }),
    { numRuns: 1000 },
  );
});

test("what is finer than a millisecond is refused, unless the schema has it dropped: down, before 1970 too", () => {
  fc.assert(
    fc.property(seconds, nanos, (whole, fine) => {
      const wire = timestamp(whole, fine);
      const dropped = dateDroppingNanoseconds.fromWire(wire, "at").getTime();
      const rest = instant(wire) - BigInt(dropped) * 1_000_000n;
      expect(rest >= 0n && rest < 1_000_000n).toBe(true);
      if (rest === 0n) {
        expect(dateOfTimestamp.fromWire(wire, "at").getTime()).toBe(dropped);
      } else {
        expect(refusal(() => dateOfTimestamp.fromWire(wire, "at")).message).toBe(NOT_WHOLE);
      }
    }),
    { numRuns: 1000 },
  );
});

test.each([
  ["1969-12-31T23:59:59.999Z", -1n, 999_000_000],
  ["1969-12-31T23:59:59.000Z", -1n, 0],
  ["1969-12-31T23:59:58.001Z", -2n, 1_000_000],
  ["0001-01-01T00:00:00.000Z", -62_135_596_800n, 0],
  ["9999-12-31T23:59:59.999Z", 253_402_300_799n, 999_000_000],
])("%s is %i s and %i ns", (iso, wireSeconds, wireNanos) => {
  const wire = dateOfTimestamp.toWire(new Date(iso), "at");
  expect(wire).toEqual({ ...timestamp(wireSeconds, wireNanos) });
  expect(dateOfTimestamp.fromWire(wire, "at").toISOString()).toBe(iso);
});

test.each([
  [-62_135_596_801n, 999_000_000],
  [253_402_300_800n, 0],
  [-(2n ** 63n), 0],
  [2n ** 63n - 1n, 0],
  [0n, -1_000_000],
  [1n, -1_000_000_000],
  [0n, 1_000_000_000],
  [0n, 2_147_000_000],
])("a Timestamp of %i s and %i ns is none", (wireSeconds, wireNanos) => {
  const wire = timestamp(wireSeconds, wireNanos);
  expect(refusal(() => dateOfTimestamp.fromWire(wire, "at")).message).toBe(RANGE);
  expect(refusal(() => dateDroppingNanoseconds.fromWire(wire, "at")).message).toBe(RANGE);
});

// Off the wire they are whole; an interceptor may make others.
test.each([-1, -0.5, 0.5, 1.5, 999_999_999.5, Number.NaN, Infinity])("%d ns are no whole milliseconds", (fine) => {
  expect(refusal(() => dateOfTimestamp.fromWire(timestamp(0n, fine), "at")).message).toBe(NOT_WHOLE);
});

test.each([-1, -0.5, 999_999_999.5, Number.NaN, Infinity])("%d ns cannot be dropped", (fine) => {
  expect(refusal(() => dateDroppingNanoseconds.fromWire(timestamp(0n, fine), "at")).message).toBe(RANGE);
});

test("a Date of years that a Timestamp has not is refused", () => {
  const before = fc.oneof(
    fc.constantFrom(FIRST - 1, -LAST_OF_DATES),
    fc.integer({ min: -LAST_OF_DATES, max: FIRST - 1 }),
  );
  const after = fc.oneof(fc.constantFrom(LAST + 1, LAST_OF_DATES), fc.integer({ min: LAST + 1, max: LAST_OF_DATES }));
  fc.assert(
    fc.property(fc.oneof(before, after), (time) => {
      expect(refusal(() => dateOfTimestamp.toWire(new Date(time), "at")).message).toBe(YEARS);
    }),
  );
});

test("an invalid Date is refused", () => {
  for (const time of [Number.NaN, LAST_OF_DATES + 1, Infinity]) {
    const error = refusal(() => dateOfTimestamp.toWire(new Date(time), "at"));
    expect(error.message).toBe("at must be a Date with a time; it is invalid");
  }
});

test("-0 is 1970 as 0 is, and so is what was not there on the wire", () => {
  const wire = dateOfTimestamp.toWire(new Date(-0), "at");
  expect(wire).toEqual({ ...timestamp(0n, 0) });
  expect(Object.is(wire.nanos, 0)).toBe(true);
  expect(Object.is(dateOfTimestamp.fromWire(timestamp(0n, -0), "at").getTime(), 0)).toBe(true);
});

test("a Date of another realm, and one of a class of its own, is a Date", () => {
  const other: Date = runInNewContext("new Date(-1)");
  expect(other).not.toBeInstanceOf(Date);
  expect(dateOfTimestamp.toWire(other, "at")).toEqual({ ...timestamp(-1n, 999_000_000) });
  class Birthday extends Date {}
  expect(dateOfTimestamp.toWire(new Birthday(5), "at")).toEqual({ ...timestamp(0n, 5_000_000) });
});

test.each([
  [undefined, "undefined"],
  [null, "null"],
  ["2026-01-01T00:00:00Z", "a string"],
  [0, "a number"],
  [timestamp(0n, 0), "an object of Object"],
  [{ getTime: () => 0 }, "an object of Object"],
  [{ [Symbol.toStringTag]: "Date" }, "an object of Object"],
  [Object.create(Date.prototype), "an object of Date"],
  [new bson7.Timestamp(0n), "a BSON Timestamp"],
])("%o is no Date", (value, kind) => {
  const given = value as Date; // which is what is tested
  expect(refusal(() => dateOfTimestamp.toWire(given, "at")).message).toBe(`at must be a Date; it is ${kind}`);
});
