import { expect, test } from "vitest";
import { readmeCommands, readmeFiles } from "./readme-files.ts";

const fence = "```";

const markdown = [
  "# Title",
  "<!-- file: orders/a.ts -->",
  `${fence}ts`,
  "const a = `b`;",
  "",
  "a;",
  fence,
  `${fence}sh`,
  "npm start",
  fence,
  "<!-- file: orders/b.yaml -->",
  "",
  `${fence}yaml`,
  "b: 1",
  fence,
  "<!-- package -->",
  `${fence}sh`,
  "npm install",
  "npm test",
  fence,
].join("\n");

test("reads the files that a marker names, and no other blocks", () => {
  expect([...readmeFiles(markdown)]).toEqual([
    ["orders/a.ts", "const a = `b`;\n\na;\n"],
    ["orders/b.yaml", "b: 1\n"],
  ]);
});

test("reads the commands below a marker", () => {
  expect(readmeCommands(markdown, "package")).toEqual(["npm install", "npm test"]);
  expect(() => readmeCommands(markdown, "start")).toThrow("no <!-- start -->");
});

test("refuses a marker without a block, and a file that is there twice", () => {
  expect(() => readmeFiles(`<!-- file: a -->\ntext\n${fence}\n${fence}\n`)).toThrow("no <!-- file: a -->");
  const twice = `<!-- file: a -->\n${fence}\n${fence}\n`;
  expect(() => readmeFiles(twice + twice)).toThrow("twice");
});
