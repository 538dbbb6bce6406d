import * as bson7 from "bson";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { recentVersions, versions } from "../../test/types/bson-versions.ts";
import { decimal128Bytes, type Finite, finiteOf, held } from "../../test/types/decimal128-reference.ts";
import { refusal } from "../../test/types/refusal.ts";
import { type Decimal128Like, decimal128OfText } from "./decimal128.ts";

const zeros = fc.nat(40).map((count) => "0".repeat(count));
const significant = fc.oneof(
  fc.stringMatching(/^[0-9]{1,40}$/),
  fc.stringMatching(/^[1-9][0-9]{32}[1-9]$/),
  fc.constantFrom("1", "9".repeat(34), "9".repeat(35), `1${"0".repeat(33)}`, "12345678"),
);
/** Exponents, and most of all those at which a Decimal128 ends. */
const exponents = fc.oneof(
  fc.integer({ min: -40, max: 40 }),
  ...[-6176, -6143, 6111, 6144].map((end) => fc.integer({ min: end - 45, max: end + 45 })),
  fc.integer({ min: -20_000, max: 20_000 }),
);
const digits = fc.tuple(zeros, significant, zeros).map((parts) => parts.join(""));

/** A text of the grammar, and what it says. */
interface Written {
  readonly text: string;
  readonly number: Finite;
}

const written: fc.Arbitrary<Written> = fc
  .record({
    sign: fc.constantFrom("", "+", "-"),
    digits: fc.oneof(
      digits,
      zeros.map((some) => `${some}0`),
    ),
    point: fc.option(fc.nat(120)),
    exponent: fc.option(fc.tuple(fc.constantFrom("e", "E"), fc.boolean(), fc.nat(3), exponents)),
  })
  .map(({ sign, digits: all, point, exponent }) => {
    const behindPoint = point === null ? 0 : point % (all.length + 1);
    const [letter = "", hasPlus, padding = 0, power = 0] = exponent ?? [];
    const powerSign = power < 0 ? "-" : hasPlus ? "+" : "";
    const tail = letter && `${letter}${powerSign}${"0".repeat(padding)}${Math.abs(power)}`;
    const front = all.slice(0, all.length - behindPoint);
    return {
      text: `${sign}${front}${point === null ? "" : "."}${all.slice(all.length - behindPoint)}${tail}`,
      number: { isNegative: sign === "-", coefficient: BigInt(all), exponent: power - behindPoint },
    };
  });

/** Every number that a Decimal128 holds, in each of its forms. */
const finites: fc.Arbitrary<Finite> = fc.record({
  isNegative: fc.boolean(),
  coefficient: fc.oneof(
    fc.constantFrom(0n, 1n, 10n ** 33n, 10n ** 34n - 1n),
    fc.bigInt({ min: 0n, max: 10n ** 34n - 1n }),
    fc.bigInt({ min: 0n, max: 1000n }),
  ),
  exponent: fc.oneof(
    fc.constantFrom(-6176, 6111, -34, -7, -6, -1, 0, 1),
    fc.integer({ min: -6176, max: 6111 }),
    fc.integer({ min: -40, max: 10 }),
  ),
});

const TOO_MANY_DIGITS = /^must have at most 34 significant digits, as a Decimal128 has; it has (\d+)$/;
const EXPONENT = "must have an exponent from -6176 to 6144, as a Decimal128 has";
const NO_NUMBER = 'must be a decimal number, such as "19.90", "1E+6", "NaN" or "Infinity"';

describe.each(recentVersions)("by $name", ({ bson: { Decimal128 } }) => {
  const type = decimal128OfText(Decimal128);
  const read = (text: string) => finiteOf(type.fromWire(text, "price").bytes);

  test("every decimal number is held exactly, or refused by the reason for which it cannot be", () => {
    fc.assert(
      fc.property(written, ({ text, number }) => {
        const expected = held(number);
        if (typeof expected === "object") {
          expect(read(text)).toEqual(expected);
          return;
        }
        const { path, problem } = refusal(() => type.fromWire(text, "price"));
        expect(path).toBe("price");
        if (expected === "exponent") {
          expect(problem).toBe(EXPONENT);
        } else {
          const significantDigits = String(number.coefficient).replace(/0*$/, "").length;
          expect(TOO_MANY_DIGITS.exec(problem)?.[1]).toBe(String(significantDigits));
        }
      }),
      { numRuns: 3000 },
    );
  });

  test("every Decimal128 of at most 34 digits is written, and comes back with all that it was", () => {
    fc.assert(
      fc.property(finites, (number) => {
        const bytes = decimal128Bytes(number);
        const wire = type.toWire(new Decimal128(bytes), "price");
        expect(type.fromWire(wire, "price").bytes).toEqual(Buffer.from(bytes));
      }),
      { numRuns: 2000 },
    );
  });

  test.each([
    ["1E6144", { isNegative: false, coefficient: 10n ** 33n, exponent: 6111 }],
    ["1E+6111", { isNegative: false, coefficient: 1n, exponent: 6111 }],
    ["9.999999999999999999999999999999999E+6144", { isNegative: false, coefficient: 10n ** 34n - 1n, exponent: 6111 }],
    ["1E-6176", { isNegative: false, coefficient: 1n, exponent: -6176 }],
    ["-1.0E-6175", { isNegative: true, coefficient: 10n, exponent: -6176 }],
    ["1.0E-6176", { isNegative: false, coefficient: 1n, exponent: -6176 }],
    ["100E-6178", { isNegative: false, coefficient: 1n, exponent: -6176 }],
    ["-0", { isNegative: true, coefficient: 0n, exponent: 0 }],
    ["-0.00", { isNegative: true, coefficient: 0n, exponent: -2 }],
    ["0E+9999999999", { isNegative: false, coefficient: 0n, exponent: 6111 }],
    ["0e-9999999999", { isNegative: false, coefficient: 0n, exponent: -6176 }],
    [`0e${"9".repeat(400)}`, { isNegative: false, coefficient: 0n, exponent: 6111 }],
    ["19.90", { isNegative: false, coefficient: 1990n, exponent: -2 }],
    ["1.", { isNegative: false, coefficient: 1n, exponent: 0 }],
    [".5", { isNegative: false, coefficient: 5n, exponent: -1 }],
    ["+1e0000000000003", { isNegative: false, coefficient: 1n, exponent: 3 }],
    // Of these, `bson` looks at the wrong digit by itself.
    [`+${"1".repeat(34)}0`, { isNegative: false, coefficient: BigInt("1".repeat(34)), exponent: 1 }],
    [`00${"1".repeat(34)}00`, { isNegative: false, coefficient: BigInt("1".repeat(34)), exponent: 2 }],
    [`1${"0".repeat(40)}.`, { isNegative: false, coefficient: 10n ** 33n, exponent: 7 }],
  ])("%s is held as it is meant", (text, number) => {
    expect(read(text)).toEqual(number);
  });

  test.each([
    ["NaN", "NaN"],
    ["nan", "NaN"],
    ["-NaN", "NaN"],
    ["Infinity", "Infinity"],
    ["+inf", "Infinity"],
    ["INF", "Infinity"],
    ["-Infinity", "-Infinity"],
    ["-inf", "-Infinity"],
  ])("%s is held, and written as %s", (text, form) => {
    expect(type.toWire(type.fromWire(text, "price"), "price")).toBe(form);
  });

  test.each(["1E6145", "10E6144", "1E-6177", "1.5E-6176", "1e999999999999", `1e-${"9".repeat(400)}`])(
    "%s is beyond its exponents",
    (text) => expect(refusal(() => type.fromWire(text, "price")).problem).toBe(EXPONENT),
  );

  test.each(["1".repeat(35), `1.${"0".repeat(33)}1`, `1${"0".repeat(6000)}1`, `-0.${"9".repeat(35)}`])(
    "%s has too many digits",
    (text) => expect(refusal(() => type.fromWire(text, "price")).problem).toMatch(TOO_MANY_DIGITS),
  );

  // By itself `bson` takes a time that grows as the square of the first of these, and refuses 7,000 characters and more. Here
  // that time would be an hour.
  const many = "0".repeat(2 ** 21);
  test.each([
    ["before a point", `${many}1.5`, { isNegative: false, coefficient: 15n, exponent: -1 }],
    ["behind a number", `1.5${many}`, { isNegative: false, coefficient: 15n * 10n ** 32n, exponent: -33 }],
    ["alone", `-${many}.${many}`, { isNegative: true, coefficient: 0n, exponent: -6176 }],
    [
      "that its exponent takes back",
      `1${many}e-${many.length}`,
      { isNegative: false, coefficient: 10n ** 33n, exponent: -33 },
    ],
    [
      "that its exponent makes up for",
      `.${many}1e${many.length}`,
      { isNegative: false, coefficient: 1n, exponent: -1 },
    ],
    ["in its exponent", `1e${many}5`, { isNegative: false, coefficient: 1n, exponent: 5 }],
  ])("millions of zeros %s are read", (_where, text, number) => {
    expect(read(text)).toEqual(number);
  });

  test.each([
    ["zeros", `${many}x`],
    ["zeros and a point", `${many}.${many}x`],
    ["zeros in an exponent", `1e${many}x`],
    ["zeros and ones", "01".repeat(2 ** 20)],
    ["zeros between two ones", `1${many}1`],
  ])("millions of %s are refused", (_what, text) => {
    expect(refusal(() => type.fromWire(text, "price")).problem).toMatch(
      /^must be a decimal number|^must have at most 34/,
    );
  });
});

describe.each(versions)("a Decimal128 of $name", ({ bson: { Decimal128 } }) => {
  test("is written as the number that it is", () => {
    const type = decimal128OfText(bson7.Decimal128);
    fc.assert(
      fc.property(finites, (number) => {
        const bytes = Buffer.from(decimal128Bytes(number));
        expect(type.fromWire(type.toWire(new Decimal128(bytes), "price"), "price").bytes).toEqual(bytes);
      }),
      { numRuns: 2000 },
    );
  });

  test("is written so that it can be read, whatever its bytes are, or refused", () => {
    const type = decimal128OfText(bson7.Decimal128);
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        const value = new Decimal128(Buffer.from(bytes));
        let wire: string;
        try {
          wire = type.toWire(value, "price");
        } catch (error) {
          expect(error).toMatchObject({ message: "price must be a Decimal128 of at most 34 digits" });
          return;
        }
        expect(type.toWire(type.fromWire(wire, "price"), "price")).toBe(wire);
      }),
      { numRuns: 1000 },
    );
  });

  test("of more than 34 digits, which no version makes, is refused", () => {
    const bytes = decimal128Bytes({ isNegative: false, coefficient: 10n ** 34n, exponent: -5 });
    const write = () => decimal128OfText(bson7.Decimal128).toWire(new Decimal128(Buffer.from(bytes)), "price");
    expect(refusal(write).message).toBe("price must be a Decimal128 of at most 34 digits");
  });
});

const { fromWire, toWire } = decimal128OfText(bson7.Decimal128);

test.each([
  ...["", " ", "+", "-", ".", "-.", "e5", ".e5", "1e", "1e+", "1e-", "1e1.5", "1 ", " 1", "1\n", "\u00a01", "1,5"],
  ...["1_000", "0x10", "0b1", "1..5", "1.5.", "--1", "+-1", "1e5e5", "1f5", "1n", "١٢", "１２", "¹", "1\0", "−1", "½"],
  ...["NaN1", "nanx", "1NaN", "infinit", "Infinityy", "+-inf", "∞", "sNaN", "null", "undefined", "[object Object]"],
])("%j is no decimal number", (text) => {
  expect(refusal(() => fromWire(text, "price")).message).toBe(`price ${NO_NUMBER}`);
});

test("what is refused is not quoted", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[À-ÖØ-öЀ-џ]{1,20}$/), fc.constantFrom("", "1", "-1.5e", "nan"), (text, before) => {
      expect(refusal(() => fromWire(`${before}${text}`, "price")).message).toBe(`price ${NO_NUMBER}`);
    }),
  );
});

test.each([
  [undefined, "undefined"],
  [null, "null"],
  ["19.90", "a string"],
  [19.9, "a number"],
  [199n, "a bigint"],
  [{ _bsontype: "Decimal128", toString: () => "19.90" }, "an object of Object"],
  [new bson7.Double(19.9), "a BSON Double"],
  [bson7.Long.fromNumber(19), "a BSON Long"],
])("%o is no Decimal128 to write: it is %s", (value, kind) => {
  const given = value as Decimal128Like; // which is what is tested
  expect(refusal(() => toWire(given, "price")).message).toBe(`price must be a Decimal128; it is ${kind}`);
});
