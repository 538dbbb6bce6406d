import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { DomainValueError, kindOf } from "./domain-value-error.ts";
import type { FieldType } from "./field-type.ts";

// Timestamps are of the years 1 to 9999, in seconds from 1970 (google/protobuf/timestamp.proto).
const MIN_SECONDS = -62_135_596_800;
const MAX_SECONDS = 253_402_300_799;
const NANOS_PER_MS = 1_000_000;
const MAX_NANOS = 999_999_999;

/** Dates in `google.protobuf.Timestamp`. What is finer than a millisecond is refused. */
export const dateOfTimestamp: FieldType<Timestamp, Date, Date> = {
  fromWire(wire, field) {
    if (wire.nanos % NANOS_PER_MS !== 0) {
      throw new DomainValueError(field, "must be in whole milliseconds, as a Date is");
    }
    return dateOf(wire, field);
  },
  toWire: timestampOf,
};

/** The same, but that what is finer than a millisecond is dropped: a Date is the last whole millisecond before. */
export const dateDroppingNanoseconds: FieldType<Timestamp, Date, Date> = { fromWire: dateOf, toWire: timestampOf };

function dateOf({ seconds, nanos }: Timestamp, field: string): Date {
  const whole = Number(seconds);
  if (!(whole >= MIN_SECONDS && whole <= MAX_SECONDS && nanos >= 0 && nanos <= MAX_NANOS)) {
    throw new DomainValueError(field, "must be from 0001-01-01T00:00:00Z to 9999-12-31T23:59:59.999999999Z");
  }
  return new Date(whole * 1000 + Math.floor(nanos / NANOS_PER_MS));
}

function timestampOf(value: Date, field: string): Timestamp {
  const milliseconds = timeOf(value, field);
  const seconds = Math.floor(milliseconds / 1000);
  if (!(seconds >= MIN_SECONDS && seconds <= MAX_SECONDS)) {
    throw new DomainValueError(
      field,
      Number.isNaN(milliseconds)
        ? "must be a Date with a time; it is invalid"
        : "must be a Date of the years 1 to 9999",
    );
  }
  const nanos = (milliseconds - seconds * 1000) * NANOS_PER_MS;
  return { $typeName: "google.protobuf.Timestamp", seconds: BigInt(seconds), nanos };
}

function timeOf(value: Date, field: string): number {
  try {
    // Not by its class: tests and workers have realms of their own, whose Dates this takes as well.
    return Date.prototype.getTime.call(value);
  } catch {
    throw new DomainValueError(field, `must be a Date; it is ${kindOf(value)}`);
  }
}
