import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, open as openFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Worker } from "node:worker_threads";
import { Long, ObjectId, UUID } from "bson";
import { ConfigurationError } from "portico";
import { expect, test } from "vitest";
import type { Entry } from "../../../../gen/name/v1/history_domain.js";
import { createVirtualClock } from "../../../../test/simulation/virtual-clock.ts";
import { until } from "../../../../test/support/until.ts";
import { openSqliteStore } from "./sqlite-store.ts";
import { StoreUnavailableError } from "./store.ts";

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

/** The version of a file's format that writers have to know: there is none above 2, so that with 3 SQLite only reads it. */
async function setWriteVersion(folder: string, version: number): Promise<void> {
  const file = await openFile(join(folder, "history.sqlite"), "r+");
  await file.write(Uint8Array.of(version), 0, 1, 18); // https://sqlite.org/fileformat.html
  await file.close();
}

/** A store on a clock of its own, over a database that is there; `begin` opens it. */
async function troubled() {
  const place = await temporaryFolder();
  await (await open(place.folder))[Symbol.asyncDispose]();
  const clock = createVirtualClock();
  const problems: (string | undefined)[] = [];
  let workers = 0;
  let ended = 0;
  const count = (worker: Worker) => {
    workers++;
    worker.once("exit", () => ended++);
  };
  process.on("worker", count);
  return {
    folder: place.folder,
    clock,
    problems,
    workers: () => workers,
    ended: () => ended,
    begin: () =>
      openSqliteStore({ folder: place.folder, maxEntries: 9, clock, onHealth: (problem) => problems.push(problem) }),
    async [Symbol.asyncDispose]() {
      process.off("worker", count);
      await place[Symbol.asyncDispose]();
    },
  };
}

test("a file that cannot be written now does not keep the service from starting, and who asks next tries again", async () => {
  await using place = await troubled();
  await setWriteVersion(place.folder, 3);
  await using store = await place.begin();
  expect(place.problems).toEqual([expect.stringMatching(/^the embedded database: .*readonly/)]);
  await expect(store.insert(entriesFrom(1, 1))).rejects.toBeInstanceOf(StoreUnavailableError);
  await setWriteVersion(place.folder, 2);
  await store.insert(entriesFrom(1, 1));
  expect(place.problems.slice(1)).toEqual([undefined]);
  expect(place.clock.timers).toBe(0);
});

test("a file that could not be written is tried again also where nobody asks", async () => {
  await using place = await troubled();
  await setWriteVersion(place.folder, 3);
  await using _store = await place.begin();
  await setWriteVersion(place.folder, 2);
  await place.clock.advance(100);
  await until(() => place.problems.length === 2);
  expect(place.problems[1]).toBeUndefined();
});

test("an opening that hangs holds nobody up for more than 10 s, is the only one, and its end does not wait for it", async () => {
  await using place = await troubled();
  using other = new DatabaseSync(join(place.folder, "history.sqlite"));
  other.exec("BEGIN IMMEDIATE");
  const opening = place.begin();
  await place.clock.advance(10_000);
  const store = await opening;
  const hung = "the embedded database: it has not opened within 10 s";
  expect(place.problems).toEqual([hung]);
  const failing = [store.insert(entriesFrom(1, 1)), store.page(undefined, 1)].map((asked) =>
    expect(asked).rejects.toThrow(hung),
  );
  await place.clock.advance(10_000);
  await Promise.all(failing);
  const closed = store[Symbol.asyncDispose]();
  await place.clock.advance(800);
  await closed;
  await expect(store.page(undefined, 1)).rejects.toBeInstanceOf(StoreUnavailableError);
  await place.clock.advance(60_000);
  other.exec("ROLLBACK");
  await until(() => place.ended() === 1);
  expect(place.workers()).toBe(1);
});

test("what was asked while it hung is answered once it opens", async () => {
  await using place = await troubled();
  using other = new DatabaseSync(join(place.folder, "history.sqlite"));
  other.exec("BEGIN IMMEDIATE");
  const opening = place.begin();
  await place.clock.advance(10_000);
  await using store = await opening;
  const inserting = store.insert(entriesFrom(1, 1));
  other.exec("ROLLBACK");
  await inserting;
  expect(place.problems.slice(1)).toEqual([undefined]);
  expect(place.workers()).toBe(1);
});

test("no thread is started after its end", async () => {
  let workers = 0;
  const count = () => workers++;
  process.on("worker", count);
  const store = await open(undefined);
  await store[Symbol.asyncDispose]();
  await expect(store.page(undefined, 1)).rejects.toThrow("the history is closed");
  process.off("worker", count);
  expect(workers).toBe(0);
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
