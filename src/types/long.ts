import { DomainValueError, kindOf } from "./domain-value-error.ts";
import { type FieldType, isPlain } from "./field-type.ts";

/** A Long of any version of `bson`. */
export interface LongLike {
  readonly _bsontype: "Long";
  /** The upper 32 bits, signed. */
  getHighBits(): number;
  /** The lower 32 bits, signed. */
  getLowBits(): number;
  /** None was before version 4. */
  readonly unsigned?: boolean;
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
      if (isLong(value)) {
        const high = value.getHighBits();
        if (!value.unsigned || high >= 0) {
          return (BigInt(high) << 32n) | BigInt(value.getLowBits() >>> 0);
        }
      }
      throw new DomainValueError(field, `must be a Long, or a whole number, of 64 bits with a sign; ${misfit(value)}`);
    },
  };
}

function isLong(value: LongLike | bigint | number): value is LongLike {
  return typeof value === "object" && value?._bsontype === "Long" && !isPlain(value);
}

function misfit(value: LongLike | bigint | number): string {
  return typeof value === "bigint" || isLong(value)
    ? "it is larger"
    : typeof value === "number"
      ? "it is a number that is not whole, or beyond Number.MAX_SAFE_INTEGER"
      : `it is ${kindOf(value)}`;
}
