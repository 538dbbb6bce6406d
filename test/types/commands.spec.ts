import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { copyRepository } from "../commands/repository-copy.ts";
import { openTerminal } from "../commands/terminal.ts";

const PROTO = "proto/name/v1/history.proto";

test("npm run gen fails for an option that does not fit, says where, and leaves what is generated as it is", async () => {
  await using copy = await copyRepository();
  const code = () => readFile(join(copy.folder, "gen/name/v1/history_domain.js"), "utf8");
  const before = await code();
  await copy.edit(PROTO, "bytes instance = 7", "int32 instance = 7");
  const line = (await readFile(join(copy.folder, PROTO), "utf8"))
    .split("\n")
    .findIndex((text) => /instance/.test(text));
  await using terminal = openTerminal("npm run --silent gen", copy.folder, {});
  expect(await terminal.end()).not.toBe(0);
  expect(terminal.output()).toContain(
    `name/v1/history.proto:${line + 1}:23: name.v1.Entry.instance: as = UUID is for bytes or string; this field is int32`,
  );
  expect(await code()).toBe(before);
});
