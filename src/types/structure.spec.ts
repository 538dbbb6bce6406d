import { create } from "@bufbuild/protobuf";
import * as bson7 from "bson";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Tree, type TreeInit } from "../../test/types/gen/test/types/v1/values_domain.js";
import { type Tree as TreeMessage, TreeSchema } from "../../test/types/gen/test/types/v1/values_pb.js";
import { refusal } from "../../test/types/refusal.ts";
import { DomainValueError } from "./domain-value-error.ts";
import { assertObject, each, eachValue, inField } from "./structure.ts";

/** Takes numbers that are even. */
function half(value: number, field: string): number {
  if (value % 2 !== 0) {
    throw new DomainValueError(field, "must be even");
  }
  return value / 2;
}

const evens = fc.integer({ min: -1000, max: 1000 }).map((number) => number * 2);
const keys = fc.oneof(
  fc.string(),
  fc.string({ unit: "binary" }),
  fc.constantFrom("__proto__", "constructor", "toString", "hasOwnProperty", "", "0", "a.b", '"]'),
);

describe("each", () => {
  test("converts every element, in order", () => {
    fc.assert(
      fc.property(fc.array(evens), (values) => {
        expect(each(half, values, "list")).toEqual(values.map((value) => value / 2));
      }),
    );
  });

  test("names the first element that does not fit", () => {
    fc.assert(
      fc.property(fc.array(evens), fc.array(fc.integer()), (before, after) => {
        const error = refusal(() => each(half, [...before, 1, ...after], "list"));
        expect(error).toMatchObject({ path: `list[${before.length}]`, problem: "must be even" });
      }),
    );
  });

  test("names what is not there in a list", () => {
    const one = (value: number | undefined, field: string) => {
      if (value === undefined) throw new DomainValueError(field, "must be there");
      return value;
    };
    // biome-ignore lint/suspicious/noSparseArray: it is what is tested
    expect(refusal(() => each(one, [1, , 3], "list")).path).toBe("list[1]");
  });

  test.each([
    [undefined, "undefined"],
    [null, "null"],
    ["ab", "a string"],
    [{ length: 1, 0: 2 }, "an object of Object"],
    [new Set([2]), "an object of Set"],
    [Uint8Array.of(2), "an object of Uint8Array"],
  ])("%o is no list: it is %s", (value, kind) => {
    const given = value as unknown as readonly number[]; // which is what is tested
    expect(refusal(() => each(half, given, "list")).message).toBe(`list must be an array; it is ${kind}`);
  });
});

describe("eachValue", () => {
  test("converts every value, under its own key, whatever that is called", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.tuple(keys, evens), { selector: ([key]) => key }), (entries) => {
        const converted = eachValue(half, Object.fromEntries(entries), "map");
        expect(Object.getPrototypeOf(converted)).toBe(Object.prototype);
        expect(new Map(Object.entries(converted))).toEqual(new Map(entries.map(([key, value]) => [key, value / 2])));
      }),
    );
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });

  test("__proto__ is a key as any other", () => {
    const given: Record<string, object> = JSON.parse('{"__proto__": {"polluted": true}}');
    const converted = eachValue((value) => value, given, "map");
    expect(Object.keys(converted)).toEqual(["__proto__"]);
    expect("polluted" in converted).toBe(false);
  });

  test("names the entry that does not fit, by its key in quotes, of which it shows the first 64 characters", () => {
    fc.assert(
      fc.property(fc.oneof(keys, fc.string({ minLength: 60, maxLength: 200 })), (key) => {
        const { path } = refusal(() => eachValue(half, Object.fromEntries([[key, 1]]), "map"));
        expect(path.startsWith("map[") && path.endsWith("]")).toBe(true);
        expect(JSON.parse(path.slice(4, -1))).toBe(key.slice(0, 64));
        expect(path.isWellFormed()).toBe(true);
      }),
    );
    const { path } = refusal(() => eachValue(half, { [`${"a".repeat(63)}😀`]: 1 }, "map"));
    expect(path).toBe(`map["${"a".repeat(63)}\\ud83d"]`);
  });

  test("a key makes no line and no escape sequence", () => {
    const { message } = refusal(() => eachValue(half, { "a\n\u001b[31m": 1 }, "map"));
    expect(message).toBe('map["a\\n\\u001b[31m"] must be even');
  });

  test.each([
    [undefined, "undefined"],
    [null, "null"],
    ["ab", "a string"],
    [[2], "an array"],
    [new Map([["a", 2]]), "an object of Map"],
  ])("%o is no map: it is %s", (value, kind) => {
    const given = value as unknown as Readonly<Record<string, number>>; // which is what is tested
    expect(refusal(() => eachValue(half, given, "map")).message).toBe(
      `map must be an object with a property for each key; it is ${kind}`,
    );
  });
});

test("what is no DomainValueError passes as it is, from whatever depth", () => {
  const error = new RangeError("5 is a bad number");
  const fail = () => {
    throw error;
  };
  const nested = () => inField(() => each(() => eachValue(fail, { a: 1 }, "map"), [1], "list"), 1, "field");
  expect(nested).toThrow(error);
  expect(error.message).toBe("5 is a bad number");
});

/** A step into a tree: how it is made around another, and what it is called. */
type Step = readonly [name: string, around: (inner: Branch) => Partial<Branch>];

/** A tree, on the wire or as a handler gives it. */
interface Branch {
  readonly children?: readonly Branch[];
  readonly named?: Readonly<Record<string, Branch>>;
  readonly only?: Branch;
  readonly end?: { readonly case: "branch"; readonly value: Branch };
}

const GOOD = new bson7.ObjectId("0123456789abcdef01234567");

/** Makes trees of branches that have an id, and one at the end of the way that has none. */
function tree(steps: readonly Step[], branch: (parts: Branch) => Branch, last: Branch): Branch {
  return steps.reduceRight((inner, [, around]) => branch(around(inner)), last);
}

function stepsOf(branch: (parts: Branch) => Branch): fc.Arbitrary<readonly Step[]> {
  const before = fc.nat(3).map((count) => Array.from({ length: count }, () => branch({})));
  const step: fc.Arbitrary<Step> = fc.oneof(
    before.map((good): Step => [`children[${good.length}]`, (inner) => ({ children: [...good, inner] })]),
    keys.map(
      (key): Step => [
        `named[${JSON.stringify(key.slice(0, 64))}]`,
        (inner) => ({ named: Object.fromEntries([[key, inner]]) }),
      ],
    ),
    fc.constant<Step>(["only", (inner) => ({ only: inner })]),
    fc.constant<Step>(["branch", (inner) => ({ end: { case: "branch", value: inner } })]),
  );
  return fc.array(step, { maxLength: 30 });
}

describe("the way to a field in messages of messages", () => {
  test("is told of what came by the wire", () => {
    const branch = (parts: Branch) => ({
      $typeName: "test.types.v1.Tree",
      children: [],
      named: {},
      id: GOOD.id,
      ...parts,
    });
    const bad = { ...branch({}), id: new Uint8Array(11) };
    fc.assert(
      fc.property(stepsOf(branch), (steps) => {
        const message = create(TreeSchema, tree(steps, branch, bad) as TreeMessage); // by its $typeName
        const { path, problem } = refusal(() => Tree.fromMessage(message));
        expect(path).toBe([...steps.map(([name]) => name), "id"].join("."));
        expect(problem).toBe("must be 12 bytes, an ObjectId; it has 11");
      }),
    );
  });

  test("is told of what a handler gives, by the schema's names", () => {
    const branch = (parts: Branch) => ({ _id: GOOD, ...parts });
    fc.assert(
      fc.property(stepsOf(branch), (steps) => {
        const given = tree(steps, branch, {}) as TreeInit; // but for the last, which is what is tested
        const { path, problem } = refusal(() => Tree.toMessage(given));
        expect(path).toBe([...steps.map(([name]) => name), "id"].join("."));
        expect(problem).toBe("must be an ObjectId; it is undefined");
      }),
    );
  });
});

describe("what is to be a message", () => {
  test.each([
    [undefined, "undefined"],
    [null, "null"],
    [5, "a number"],
    ["text", "a string"],
  ])("may not be %j", (value, kind) => {
    const problem = `must be an object with the message's fields; it is ${kind}`;
    expect(refusal(() => assertObject(value))).toMatchObject({ path: "", problem, message: problem });
    const _id = new bson7.ObjectId();
    const children = [{ _id }, value as never];
    expect(refusal(() => Tree.toMessage({ _id, children }))).toMatchObject({ path: "children[1]", problem });
  });
});
