import { DomainValueError, kindOf } from "./domain-value-error.ts";
import { bsonTypeOf, type FieldType } from "./field-type.ts";

/** A Decimal128 of any version of `bson`. */
export interface Decimal128Like {
  readonly _bsontype: "Decimal128";
  toString(): string;
}

/** `Decimal128` of `bson`. */
export interface Decimal128Class<T> {
  fromString(text: string): T;
}

const NUMBER = /^[+-]?(?:(\d+)(?:\.(\d*))?|\.(\d+))(?:e([+-]?\d+))?$/i;
const NO_NUMBER = /^[+-]?(?:nan|inf|infinity)$/i;

// IEEE 754-2019, 3.6: decimal128, by its exponent of the last digit.
const MAX_DIGITS = 34;
const MIN_EXPONENT = -6176;
const MAX_EXPONENT = 6111;

/**
 * Decimal128 in `string`: `19.90`, `-1.5E+30`, `NaN`, `Infinity`. Trailing zeros and the sign of zero are kept; the form is
 * BSON's own where we write it (`1E+3` for `1e3`).
 */
export function decimal128OfText<T>(Decimal128: Decimal128Class<T>): FieldType<string, T, Decimal128Like> {
  return {
    fromWire(wire, field) {
      const problem = decimalProblem(wire);
      if (problem !== undefined) {
        throw new DomainValueError(field, problem);
      }
      try {
        return Decimal128.fromString(wire);
      } catch {
        throw new DomainValueError(field, "must be a number that a Decimal128 holds exactly");
      }
    },
    toWire(value, field) {
      if (bsonTypeOf(value) !== "Decimal128") {
        throw new DomainValueError(field, `must be a Decimal128; it is ${kindOf(value)}`);
      }
      return value.toString();
    },
  };
}

/**
 * What keeps a Decimal128 from holding a text exactly. `bson` alone does not tell in all its versions: up to 5 it rounds.
 */
export function decimalProblem(text: string): string | undefined {
  const [isNumber, whole, fraction = "", onlyFraction = "", exponent = "0"] = NUMBER.exec(text) ?? [];
  if (isNumber === undefined) {
    return NO_NUMBER.test(text) ? undefined : 'must be a decimal number, such as "19.90", "1E+6", "NaN" or "Infinity"';
  }
  const behindPoint = whole === undefined ? onlyFraction : fraction;
  const all = `${whole ?? ""}${behindPoint}`;
  const coefficient = withoutZeros(all);
  if (coefficient === "") {
    return undefined;
  }
  const trailingZeros = all.length - lastNonZero(all) - 1;
  const lastDigit = Number(exponent) - behindPoint.length + trailingZeros;
  if (coefficient.length > MAX_DIGITS) {
    return `must have at most ${MAX_DIGITS} significant digits, as a Decimal128 has; it has ${coefficient.length}`;
  }
  if (lastDigit < MIN_EXPONENT || lastDigit + coefficient.length > MAX_EXPONENT + MAX_DIGITS) {
    return `must have an exponent from ${MIN_EXPONENT} to ${MAX_EXPONENT + MAX_DIGITS - 1}, as a Decimal128 has`;
  }
  return undefined;
}

/** Digits without zeros before and behind. */
function withoutZeros(digits: string): string {
  let first = 0;
  while (digits[first] === "0") {
    first++;
  }
  return digits.slice(first, lastNonZero(digits) + 1);
}

/** Where the last digit is that is no zero; -1 where there is none. */
function lastNonZero(digits: string): number {
  let last = digits.length - 1;
  while (last >= 0 && digits[last] === "0") {
    last--;
  }
  return last;
}
