/** A finite decimal number: `coefficient` times ten to the power of `exponent`, with the sign that zero has too. */
export interface Finite {
  readonly isNegative: boolean;
  readonly coefficient: bigint;
  readonly exponent: number;
}

// IEEE 754-2019, 3.5.2, in the binary encoding, which BSON has: a sign, 14 bits of exponent, 113 of coefficient.
const BIAS = 6176;
const MAX_EXPONENT = 6111;
const LIMIT = 10n ** 34n;

/** The number that a Decimal128 holds exactly, of equal value and with as many of its trailing zeros as there is room for. */
export function held({ isNegative, coefficient, exponent }: Finite): Finite | "digits" | "exponent" {
  if (coefficient === 0n) {
    return { isNegative, coefficient, exponent: Math.max(-BIAS, Math.min(MAX_EXPONENT, exponent)) };
  }
  let rest = coefficient;
  let power = exponent;
  while ((rest >= LIMIT || power < -BIAS) && rest % 10n === 0n) {
    rest /= 10n;
    power++;
  }
  while (rest * 10n < LIMIT && power > MAX_EXPONENT) {
    rest *= 10n;
    power--;
  }
  if (rest >= LIMIT) {
    return "digits";
  }
  return power < -BIAS || power > MAX_EXPONENT
    ? withoutTrailingZeros(coefficient) >= LIMIT
      ? "digits"
      : "exponent"
    : { isNegative, coefficient: rest, exponent: power };
}

function withoutTrailingZeros(coefficient: bigint): bigint {
  return coefficient % 10n === 0n ? withoutTrailingZeros(coefficient / 10n) : coefficient;
}

/** A Decimal128's bytes, the last first, as BSON has them. */
export function decimal128Bytes({ isNegative, coefficient, exponent }: Finite): Uint8Array {
  let bits = (isNegative ? 1n << 127n : 0n) | (BigInt(exponent + BIAS) << 113n) | coefficient;
  return Uint8Array.from({ length: 16 }, () => {
    const byte = Number(bits & 0xffn);
    bits >>= 8n;
    return byte;
  });
}

/** What such bytes are; they are no infinity, and not more than 113 bits of coefficient. */
export function finiteOf(bytes: Uint8Array): Finite {
  const bits = bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  return {
    isNegative: bits >> 127n === 1n,
    coefficient: bits & ((1n << 113n) - 1n),
    exponent: Number((bits >> 113n) & 0x3fffn) - BIAS,
  };
}
