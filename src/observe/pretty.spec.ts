import fc from "fast-check";
import { expect, test } from "vitest";
import { prettyLine } from "./pretty.ts";

const OURS = { levelname: "INFO", time: "2026-01-02T03:04:05.678Z", name: "greeter", message: "hello" };

function pretty(fields: Readonly<Record<string, unknown>>, colors = false): string {
  return prettyLine(JSON.stringify({ ...OURS, ...fields }), colors);
}

/** What a terminal may obey, except for the line's own end. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029]/;

const hostile = fc.string({
  unit: fc.constantFrom(
    "\u001b[2J",
    "\u001b]0;x\u0007",
    "\u009b31m",
    "\r",
    "\n",
    "\t",
    "\u0000",
    "\u2028",
    "\u0085",
    "a",
    '"',
    "\\",
    "%",
  ),
  maxLength: 8,
});

test("a line shows time of day, level, name and message, and what is left over as JSON", () => {
  expect(pretty({})).toBe("03:04:05.678 INFO  greeter hello\n");
  expect(pretty({ request_id: "r-1", levelname: "WARN", count: 1, list: ["a"] })).toBe(
    '03:04:05.678 WARN  greeter [r-1] hello {"count":1,"list":["a"]}\n',
  );
});

test("no text of a line makes another line or an escape sequence, whichever field it is in", () => {
  const fields = ["message", "name", "request_id", "levelname", "time", "first_request_line", "anything"];
  fc.assert(
    fc.property(fc.constantFrom(...fields), hostile, (field, text) => {
      const result = pretty({ [field]: text });
      expect(result.indexOf("\n")).toBe(result.length - 1);
      expect(result).not.toMatch(CONTROL);
    }),
  );
  fc.assert(
    fc.property(fc.jsonValue(), hostile, (value, text) => {
      const result = pretty({ [text]: value, nested: { [text]: text } });
      expect(result.indexOf("\n")).toBe(result.length - 1);
      expect(result).not.toMatch(CONTROL);
    }),
  );
});

test("what is left of a control character shows as an escape", () => {
  expect(pretty({ message: "a\nb\u0007c\u009bd" })).toContain("a\\u000ab\\u0007c");
});

test("a stack follows on lines of its own, indented, and nothing in it is obeyed", () => {
  const result = pretty({ err: { type: "Error", message: "no", stack: "Error: no\u001b[2J\n    at a (b.ts:1:2)\r" } });
  expect(result).toBe("03:04:05.678 INFO  greeter hello\n    Error: no\n        at a (b.ts:1:2)\\u000d\n");
  fc.assert(
    fc.property(hostile, (stack) => {
      expect(pretty({ err: { stack } }).split("\n").slice(1, -1)).toHaveLength(stack.split("\n").length);
      expect(pretty({ err: { stack } })).not.toMatch(CONTROL);
    }),
  );
});

test("an error's causes follow its stack", () => {
  expect(pretty({ err: { stack: "Error: a", causes: ["TypeError: b", "Error: c\nd"] } })).toContain(
    "\n    Error: a\n    because of TypeError: b\n    because of Error: c\\u000ad\n",
  );
});

test("an error without a stack shows its message, and anything else as JSON", () => {
  expect(pretty({ err: { message: "no" } })).toContain("\n    no\n");
  expect(pretty({ err: { code: 1 } })).toContain('\n    {"code":1}\n');
});

test("colours are around texts, never from them, and only where asked for", () => {
  const text = "\u001b[31mred";
  expect(pretty({ message: text, levelname: "ERROR" })).not.toContain("\u001b");
  const colored = pretty({ message: text, levelname: "ERROR" }, true);
  expect(colored).toContain("\u001b[31mERROR");
  expect(colored).not.toContain("\u001b[31mred");
});

test("a level that nobody knows is shown as it is", () => {
  expect(pretty({ levelname: "constructor" }, true)).toContain("constructor");
});
