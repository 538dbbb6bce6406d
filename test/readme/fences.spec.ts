import { expect, test } from "vitest";
import { hasFields, hasLine, isAsShown } from "./expected.ts";
import { codeIn, fencesIn, tableIn } from "./fences.ts";

const fence = "```";

test("reads blocks with their markers, and the output of those that run", () => {
  const markdown = [
    "# Title",
    `${fence}sh`,
    "curl a",
    fence,
    `${fence}text`,
    "b",
    fence,
    `<!-- file: web/a.ts -->`,
    `${fence}ts`,
    "a;",
    "",
    fence,
    "",
    `${fence}text`,
    "no output of what is not right above",
    fence,
  ].join("\n");
  expect(fencesIn(markdown)).toEqual([
    { line: 2, language: "sh", text: "curl a", kind: "sh", argument: "", output: "b" },
    { line: 8, language: "ts", text: "a;\n", kind: "file", argument: "web/a.ts", output: undefined },
    {
      line: 14,
      language: "text",
      text: "no output of what is not right above",
      kind: "text",
      argument: "",
      output: undefined,
    },
  ]);
  expect(() => fencesIn(`${fence}sh\ncurl`)).toThrow("not closed");
});

test("reads a table by its name", () => {
  const markdown = "<!-- table: a -->\n| x | y |\n| --- | --- |\n| `b`, `c` | d |\n\ntext";
  expect(tableIn(markdown, "a")).toEqual([["`b`, `c`", "d"]]);
  expect(codeIn("`b`, `c`")).toEqual(["b", "c"]);
  expect(() => tableIn(markdown, "b")).toThrow("no table b");
});

test("takes … for what differs from run to run, and nothing else", () => {
  expect(isAsShown("id: 42, ok\n", "id: …, ok")).toBe(true);
  expect(isAsShown("id: 42\n, ok", "id: …, ok")).toBe(false);
  expect(isAsShown("a\nx\ny\nb", "a\n…\nb")).toBe(true);
  expect(isAsShown("a\nb", "a\n…\nb")).toBe(true);
  expect(isAsShown("a.b", "a+b")).toBe(false);
  expect(isAsShown("a\nb\nc", "a\nb")).toBe(false);
  expect(hasLine("one\ntwo 2 three\n", "two … three")).toBe(true);
  expect(hasLine("one\ntwo 2 threes\n", "two … three")).toBe(false);
  expect(hasFields('text\n{"a":1,"b":"x, y","c":2}', '{"b":"x, …","a":1}')).toBe(true);
  expect(hasFields('{"a":1}\n{"b":2}', '{"a":1,"b":2}')).toBe(false);
});
