import { inspect } from "node:util";
import fc from "fast-check";
import { expect, test } from "vitest";
import { changedHeaders, type HeaderSource, lazyHeaders } from "./lazy-headers.ts";

type Fields = readonly (readonly [name: string, value: string])[];

/** Fields that tell how often somebody has made headers of them. */
function sourceOf(fields: Fields): HeaderSource & { readonly made: () => number } {
  const real = headersOf(fields);
  let made = 0;
  return {
    field: (name) => real.get(name) ?? undefined,
    toHeaders() {
      made++;
      return headersOf(fields);
    },
    made: () => made,
  };
}

function headersOf(fields: Fields): Headers {
  const headers = new Headers();
  for (const [name, value] of fields) headers.append(name, value);
  return headers;
}

const NAMES = ["accept", "Accept", "x-a", "X-B", "set-cookie", "Set-Cookie", "cookie", "content-type"];
const BAD_NAMES = ["", "a b", ":path", "ä", "a\n"];
const name = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom(...NAMES) },
  { weight: 1, arbitrary: fc.constantFrom(...BAD_NAMES) },
);
const value = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom("", "a", " a ", "a, b", "a=1; Path=/", "ÿ") },
  { weight: 1, arbitrary: fc.constantFrom("a\nb", "€", "\0") },
);
const fields = fc.array(fc.tuple(fc.constantFrom(...NAMES), fc.constantFrom("", "a", "b, c", "a=1; Path=/")), {
  maxLength: 5,
});

/** What a use gives, or throws. */
function outcomeOf(use: () => unknown): unknown {
  try {
    return { gave: use() };
  } catch (error) {
    return { threw: (error as Error).name };
  }
}

type Use = (headers: Headers) => unknown;

/** A use of real headers, the model, and of lazy ones. */
class Step implements fc.Command<Headers, Headers> {
  readonly #words: string;
  readonly #use: Use;

  constructor(words: string, use: Use) {
    this.#words = words;
    this.#use = use;
  }

  check(): boolean {
    return true;
  }

  run(model: Headers, lazy: Headers): void {
    expect(outcomeOf(() => this.#use(lazy))).toEqual(outcomeOf(() => this.#use(model)));
  }

  toString(): string {
    return this.#words;
  }
}

const uses = [
  name.map((asked) => new Step(`get ${asked}`, (headers) => headers.get(asked))),
  name.map((asked) => new Step(`has ${asked}`, (headers) => headers.has(asked))),
  fc.tuple(name, value).map(([to, what]) => new Step(`set ${to} ${what}`, (headers) => headers.set(to, what))),
  fc.tuple(name, value).map(([to, what]) => new Step(`append ${to} ${what}`, (headers) => headers.append(to, what))),
  name.map((from) => new Step(`delete ${from}`, (headers) => headers.delete(from))),
  ...Object.entries<Use>({
    getSetCookie: (headers) => headers.getSetCookie(),
    iterate: (headers) => [...headers],
    entries: (headers) => [...headers.entries()],
    keys: (headers) => [...headers.keys()],
    values: (headers) => [...headers.values()],
    copy: (headers) => [...new Headers(headers)],
    "copy by spreading": (headers) => [...new Headers([...headers])],
    "a request's": (headers) => [...new Request("http://a", { headers }).headers],
    "an answer's": (headers) => [...new Response(null, { headers }).headers],
    object: (headers) => Object.fromEntries(headers),
    "own keys": (headers) => Reflect.ownKeys({ ...headers }),
    inspect: (headers) => inspect(headers),
    text: (headers) => String(headers),
    instanceof: (headers) => headers instanceof Headers,
    "forEach, with this": (headers) => {
      const found: unknown[] = [];
      const own = {};
      headers.forEach(function (this: unknown, what, key, parent) {
        found.push(what, key, parent === headers, this === own);
      }, own);
      return found;
    },
    "an iterator that is under way while fields change": (headers) => {
      const found: unknown[] = [];
      for (const [key] of headers) {
        found.push(key);
        if (found.length === 1) headers.delete("x-b");
        if (found.length > 20) break;
      }
      return found;
    },
  }).map(([words, use]) => fc.constant(new Step(words, use))),
];

test("whatever is done with them gives what it gives with real headers", () => {
  fc.assert(
    fc.property(fields, fc.commands(uses, { maxCommands: 12 }), (given, commands) => {
      const lazy = lazyHeaders(sourceOf(given));
      const model = headersOf(given);
      fc.modelRun(() => ({ model, real: lazy }), commands);
      expect([...(changedHeaders(lazy) ?? lazy)]).toEqual([...model]);
    }),
    { numRuns: 500 },
  );
});

test("nothing is made for whoever only asks for fields", () => {
  fc.assert(
    fc.property(fields, (given) => {
      const source = sourceOf(given);
      const lazy = lazyHeaders(source);
      const model = headersOf(given);
      for (const asked of [...NAMES, "x-not-there"]) {
        expect(lazy.get(asked)).toBe(model.get(asked));
        expect(lazy.has(asked)).toBe(model.has(asked));
      }
      expect(source.made()).toBe(0);
      expect(changedHeaders(lazy)).toBeUndefined();
    }),
  );
});

test("they are made once, and are from then on what counts", () => {
  const source = sourceOf([["a", "1"]]);
  const lazy = lazyHeaders(source);
  lazy.append("a", "2");
  lazy.set("b", "3");
  lazy.delete("c");
  expect(lazy.get("A")).toBe("1, 2");
  expect(lazy.has("B")).toBe(true);
  expect(source.made()).toBe(1);
  expect(Object.fromEntries(changedHeaders(lazy) ?? [])).toEqual({ a: "1, 2", b: "3" });
});

test("real headers count as they are", () => {
  const real = new Headers({ a: "1" });
  expect(changedHeaders(real)).toBe(real);
});
