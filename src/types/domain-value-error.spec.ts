import { runInNewContext } from "node:vm";
import * as bson7 from "bson";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { versions } from "../../test/types/bson-versions.ts";
import { DomainValueError, kindOf, within } from "./domain-value-error.ts";

describe("within", () => {
  test.each([
    ["", "field", "field"],
    ["id", "entry", "entry.id"],
    ["[3]", "entries", "entries[3]"],
    ["entry.id", "history[0]", "history[0].entry.id"],
    ['["a.b"].id', "by_name", 'by_name["a.b"].id'],
  ])("%j in %j is %j", (path, prefix, expected) => {
    const inner = new DomainValueError(path, "must be a Date; it is null");
    const outer = within(inner, prefix);
    expect(outer).toBeInstanceOf(DomainValueError);
    expect(outer).toMatchObject({
      name: "DomainValueError",
      path: expected,
      problem: "must be a Date; it is null",
      message: `${expected} must be a Date; it is null`,
    });
    expect(inner.path).toBe(path);
  });

  test("leaves everything else that is thrown alone", () => {
    fc.assert(fc.property(fc.anything(), (thrown) => Object.is(within(thrown, "field"), thrown)));
    const error = new TypeError("id must be a Date");
    expect(within(error, "field")).toBe(error);
    expect(error.message).toBe("id must be a Date");
  });
});

describe("kindOf", () => {
  test.each(versions)("names the BSON types of $name", ({ bson }) => {
    expect(kindOf(new bson.ObjectId("0123456789abcdef01234567"))).toMatch(/^a BSON ObjectI[dD]$/);
    expect(kindOf(new bson.Long(5, 0))).toBe("a BSON Long");
    expect(kindOf(bson.Decimal128.fromString("1"))).toBe("a BSON Decimal128");
    expect(kindOf(new bson.Binary(Buffer.alloc(4), 128))).toBe("a Binary of subtype 128");
  });

  test.each([
    [undefined, "undefined"],
    [null, "null"],
    ["hush", "a string"],
    [5, "a number"],
    [5n, "a bigint"],
    [true, "a boolean"],
    [Symbol("hush"), "a symbol"],
    [() => "hush", "a function"],
    [["hush"], "an array"],
    [{ hush: "hush" }, "an object of Object"],
    [Object.create(null), "an object of no class"],
    [Object.create(Object.create(null)), "an object of no class"],
    [new Map(), "an object of Map"],
    [runInNewContext("new Date()"), "an object of Date"],
    [new bson7.MaxKey(), "a BSON MaxKey"],
  ])("%o is %s", (value, kind) => expect(kindOf(value)).toBe(kind));

  test("tells nothing of what a value holds, whatever it calls itself", () => {
    const SECRET = "hush";
    const secrets = fc.constantFrom<unknown>(SECRET, { name: SECRET }, [SECRET], { toString: () => SECRET });
    const keys = fc.constantFrom("_bsontype", "sub_type", "constructor", "name", "toString", "buffer", SECRET);
    const objects = fc.dictionary(keys, secrets, { noNullPrototype: false });
    fc.assert(
      fc.property(fc.oneof(objects, secrets, fc.anything()), fc.boolean(), (value, isBinary) => {
        const given = isBinary && typeof value === "object" ? { ...value, _bsontype: "Binary" } : value;
        expect(kindOf(given)).toMatch(
          /^(undefined|null|an? (string|number|bigint|boolean|symbol|array)|an object of .*)$/,
        );
        expect(kindOf(given)).not.toContain(SECRET);
      }),
      { numRuns: 2000 },
    );
  });
});

test("a path is 200 characters long at most, with its beginning and its end", () => {
  let error: unknown = new DomainValueError("id", "must be a Date; it is null");
  for (let level = 0; level < 100; level++) {
    error = within(error, `by_key["${"\u{1F600}".repeat(30)}"]`);
  }
  const { path } = error as DomainValueError;
  expect(path.length).toBeLessThanOrEqual(200);
  expect(path).toMatch(/^by_key\[.*….*\]\.id$/u);
  expect(path.isWellFormed()).toBe(true);
});
