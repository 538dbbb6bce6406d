import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Long, ObjectId, UUID } from "bson";
import { ConfigurationError } from "portico";
import { expect, test } from "vitest";
import type { Entry } from "../../../../gen/name/v1/history_domain.js";
import { openSqliteStore } from "./sqlite-store.ts";

function entryAt(second: number): Entry {
  const _id = new ObjectId(ObjectId.generate(second));
  return { _id, name: `${second}`, processedName: "", tookNs: Long.ZERO, requestId: "", instance: new UUID() };
}
const entriesFrom = (first: number, count: number) =>
  Array.from({ length: count }, (_, index) => entryAt(first + index));
const names = (entries: readonly Entry[]) => entries.map(({ name }) => Number(name));

/** A folder that is gone at the end. */
async function temporaryFolder() {
  const folder = await mkdtemp(join(tmpdir(), "portico-history-"));
  return { folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
}

const open = (folder: string | undefined, maxEntries = 1_000, onHealth: (problem?: string) => void = () => undefined) =>
  openSqliteStore({ folder, maxEntries, onHealth });

test("makes its folder, and has its entries again when it is opened again", async () => {
  await using place = await temporaryFolder();
  const folder = join(place.folder, "not", "there");
  const all = entriesFrom(1, 10);
  {
    await using store = await open(folder);
    await store.insert(all);
  }
  expect(await readdir(folder)).toEqual(["history.sqlite"]); // what was written ahead has gone into it
  await using store = await open(folder);
  expect(await store.page(undefined, 100)).toEqual(all.toReversed());
});

test("keeps as many entries as it may, those with the highest ids", async () => {
  await using store = await open(undefined, 5);
  await store.insert(entriesFrom(10, 3));
  await store.insert(entriesFrom(20, 3));
  expect(names(await store.page(undefined, 100))).toEqual([22, 21, 20, 12, 11]);
  await store.insert(entriesFrom(1, 3));
  expect(names(await store.page(undefined, 100))).toEqual([22, 21, 20, 12, 11]);
  await store.insert(entriesFrom(30, 100));
  expect(names(await store.page(undefined, 100))).toEqual([129, 128, 127, 126, 125]);
});

test("forgets the oldest when it may keep fewer than it did", async () => {
  await using place = await temporaryFolder();
  {
    await using store = await open(place.folder);
    await store.insert(entriesFrom(1, 10));
  }
  await using store = await open(place.folder, 3);
  expect(names(await store.page(undefined, 100))).toEqual([10, 9, 8]);
});

test("two processes on one file, as while one takes over from another, keep no more than one may", async () => {
  await using place = await temporaryFolder();
  await using one = await open(place.folder, 50);
  await using other = await open(place.folder, 50);
  const batches = Array.from({ length: 20 }, (_, batch) => entriesFrom(batch * 10, 10));
  await Promise.all(batches.map((batch, index) => (index % 2 === 0 ? one : other).insert(batch)));
  const found = await one.page(undefined, 1_000);
  expect(found).toHaveLength(50);
  expect(names(found)).toEqual(names(await other.page(undefined, 1_000)));
});

test.each([
  ["is a file", async (folder: string) => writeFile(folder, ""), /EEXIST|ENOTDIR|exist/],
  [
    "holds another kind of file",
    async (folder: string) => {
      await mkdir(folder);
      await writeFile(join(folder, "history.sqlite"), "a diary, and no database of any kind".repeat(100));
    },
    /not a database/,
  ],
  [
    "holds a folder of the file's name",
    async (folder: string) => mkdir(join(folder, "history.sqlite"), { recursive: true }),
    /unable to open/,
  ],
])("says at its start that DATA_DIR %s", async (_, make, reason) => {
  await using place = await temporaryFolder();
  const folder = join(place.folder, "data");
  await make(folder);
  const error = await open(folder).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ConfigurationError);
  const { message } = error as Error;
  expect(message).toContain(
    `name cannot start: DATA_DIR=${JSON.stringify(folder)}: the history cannot be kept there: `,
  );
  expect(message).toMatch(reason);
  expect(message).not.toContain("\n");
});

test("its health says that it cannot write, until it can", async () => {
  await using place = await temporaryFolder();
  const problems: (string | undefined)[] = [];
  await using store = await open(place.folder, 1_000, (problem) => problems.push(problem));
  await store.insert(entriesFrom(1, 1));
  const file = new DatabaseSync(join(place.folder, "history.sqlite"));
  file.exec("ALTER TABLE entries RENAME TO elsewhere");
  await expect(store.insert(entriesFrom(2, 1))).rejects.toThrow("no such table");
  expect(problems).toEqual([expect.stringContaining("the embedded database: no such table")]);
  file.exec("ALTER TABLE elsewhere RENAME TO entries");
  file.close();
  await store.insert(entriesFrom(2, 1));
  expect(problems.slice(1)).toEqual([undefined]);
  expect(names(await store.page(undefined, 10))).toEqual([2, 1]);
});

test("a batch is stored as a whole or not at all", async () => {
  await using place = await temporaryFolder();
  await using store = await open(place.folder);
  const file = new DatabaseSync(join(place.folder, "history.sqlite"));
  file.exec(`CREATE TRIGGER no_more BEFORE INSERT ON entries WHEN (SELECT count(*) FROM entries) >= 5
    BEGIN SELECT raise(FAIL, 'no more'); END`);
  await expect(store.insert(entriesFrom(1, 10))).rejects.toThrow("no more");
  expect(await store.page(undefined, 10)).toEqual([]);
  file.exec("DROP TRIGGER no_more");
  file.close();
  await store.insert(entriesFrom(1, 10));
  expect(await store.page(undefined, 100)).toHaveLength(10);
});

test("writes nothing to whoever runs it, such as a warning of experiments, and lets the process end", () => {
  const program = `
    const { openSqliteStore } = await import(${JSON.stringify(join(import.meta.dirname, "sqlite-store.ts"))});
    const store = await openSqliteStore({ maxEntries: 5, onHealth: () => undefined });
    await store[Symbol.asyncDispose]();`;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["--conditions=portico-source", "--input-type=module", "--eval", program],
    { encoding: "utf8", timeout: 20_000 },
  );
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: "", stderr: "" });
});
