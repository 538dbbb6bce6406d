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
 * Decimal128 in `string`: `19.90`, `-1.5E+30`, `NaN`, `Infinity`. Trailing zeros are kept as far as there is room for them, and
 * so is the sign of zero; the form is BSON's own where we write it (`1E+3` for `1e3`).
 */
export function decimal128OfText<T>(Decimal128: Decimal128Class<T>): FieldType<string, T, Decimal128Like> {
  return {
    fromWire(wire, field) {
      const { text, problem } = fitted(wire);
      if (problem !== undefined) {
        throw new DomainValueError(field, problem);
      }
      return Decimal128.fromString(text);
    },
    toWire(value, field) {
      if (bsonTypeOf(value) !== "Decimal128") {
        throw new DomainValueError(field, `must be a Decimal128; it is ${kindOf(value)}`);
      }
      const text = value.toString();
      // Its bytes have room for more digits than it may have: `bson` makes none of these, but shows them.
      if (text.length > MAX_DIGITS && withoutLeadingZeros(text.replace(/E.*|\D/g, "")).length > MAX_DIGITS) {
        throw new DomainValueError(field, `must be a Decimal128 of at most ${MAX_DIGITS} digits`);
      }
      return text;
    },
  };
}

type Fitted =
  | { readonly text: string; readonly problem?: undefined }
  | { readonly text?: undefined; readonly problem: string };

/**
 * The same number with digits and exponent that a Decimal128 has, or what keeps it from holding the number exactly. `bson`
 * alone does not tell: version 4 rounds, and all refuse some zeros that change nothing, or take quadratic time for them.
 */
function fitted(text: string): Fitted {
  const [isNumber, whole = "", fraction = "", onlyFraction = "", exponent = "0"] = NUMBER.exec(text) ?? [];
  if (isNumber === undefined) {
    return NO_NUMBER.test(text)
      ? { text }
      : { problem: 'must be a decimal number, such as "19.90", "1E+6", "NaN" or "Infinity"' };
  }
  const behindPoint = fraction + onlyFraction;
  const digits = withoutLeadingZeros(whole + behindPoint);
  const sign = text.startsWith("-") ? "-" : "";
  const last = Number(exponent) - behindPoint.length;
  if (digits === "") {
    return { text: `${sign}0E${Math.min(Math.max(last, MIN_EXPONENT), MAX_EXPONENT)}` };
  }
  const zeros = trailingZeros(digits);
  const surplus = Math.max(digits.length - MAX_DIGITS, MIN_EXPONENT - last, 0);
  if (digits.length - zeros > MAX_DIGITS) {
    const has = digits.length - zeros;
    return { problem: `must have at most ${MAX_DIGITS} significant digits, as a Decimal128 has; it has ${has}` };
  }
  if (surplus > zeros || last + digits.length > MAX_EXPONENT + MAX_DIGITS) {
    return {
      problem: `must have an exponent from ${MIN_EXPONENT} to ${MAX_EXPONENT + MAX_DIGITS - 1}, as a Decimal128 has`,
    };
  }
  return { text: `${sign}${digits.slice(0, digits.length - surplus)}E${last + surplus}` };
}

function withoutLeadingZeros(digits: string): string {
  let first = 0;
  while (digits[first] === "0") {
    first++;
  }
  return digits.slice(first);
}

// Not by an expression: /0+$/ tries every zero again.
function trailingZeros(digits: string): number {
  let count = 0;
  while (digits[digits.length - 1 - count] === "0") {
    count++;
  }
  return count;
}
