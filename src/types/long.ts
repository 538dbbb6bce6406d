import { DomainValueError, kindOf } from "./domain-value-error.ts";
import { bsonTypeOf, type FieldType } from "./field-type.ts";

/** A Long of any version of `bson`. */
export interface LongLike {
  readonly _bsontype: "Long";
  /** The upper 32 bits, signed. */
  readonly high: number;
  /** The lower 32 bits, signed. */
  readonly low: number;
  readonly unsigned: boolean;
}

/** `Long` of `bson`. */
export interface LongClass<T> {
  new (low: number, high: number): T;
}

/**
 * Longs in `int64`, `sint64` and `sfixed64`. Numbers that are safe integers and bigints of 64 bits are written as well:
 * MongoDB's driver gives numbers for Longs unless `promoteLongs` is off.
 */
export function longOfInt64<T>(Long: LongClass<T>): FieldType<bigint, T, LongLike | bigint | number> {
  return {
    fromWire(wire) {
      const number = Number(wire);
      // Bit operations are on the lower 32 bits of whole numbers, which these are exactly.
      return Number.isSafeInteger(number)
        ? new Long(number | 0, Math.floor(number / 2 ** 32))
        : new Long(Number(BigInt.asIntN(32, wire)), Number(BigInt.asIntN(32, wire >> 32n)));
    },
    toWire(value, field) {
      if (typeof value === "number" && Number.isSafeInteger(value)) {
        return BigInt(value);
      }
      if (typeof value === "bigint" && BigInt.asIntN(64, value) === value) {
        return value;
      }
      if (bsonTypeOf(value) === "Long") {
        const { high, low, unsigned } = value as LongLike; // it says so
        if (!unsigned || high >= 0) {
          return (BigInt(high) << 32n) | BigInt(low >>> 0);
        }
      }
      throw new DomainValueError(field, `must be a Long, or a whole number, of 64 bits with a sign; ${misfit(value)}`);
    },
  };
}

function misfit(value: unknown): string {
  return typeof value === "bigint" || bsonTypeOf(value) === "Long"
    ? "it is larger"
    : typeof value === "number"
      ? "it is a number that is not whole, or beyond Number.MAX_SAFE_INTEGER"
      : `it is ${kindOf(value)}`;
}
