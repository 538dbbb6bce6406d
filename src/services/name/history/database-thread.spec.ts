import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Worker } from "node:worker_threads";
import { ObjectId, serialize } from "bson";
import { expect, test } from "vitest";
import { createVirtualClock } from "../../../../test/simulation/virtual-clock.ts";
import { until } from "../../../../test/support/until.ts";
import { databaseViews, startDatabaseThread } from "./database-thread.ts";
import { createHealth } from "./health.ts";
import { pack } from "./packed-documents.ts";
import { StoreUnavailableError } from "./store.ts";

/** A thread over a file, on a clock of its own. */
async function openThread() {
  const folder = await mkdtemp(join(tmpdir(), "portico-history-"));
  const clock = createVirtualClock();
  const problems: (string | undefined)[] = [];
  const workers: Worker[] = [];
  const remember = (worker: Worker) => void workers.push(worker);
  process.on("worker", remember);
  const health = createHealth(databaseViews, (problem) => problems.push(problem));
  const thread = await startDatabaseThread({ place: { folder, maxEntries: 100 }, health, clock });
  return {
    thread,
    clock,
    problems,
    workers,
    folder,
    /** Keeps the thread from writing; what is returned lets it. */
    lock() {
      const other = new DatabaseSync(join(folder, "history.sqlite"));
      other.exec("BEGIN IMMEDIATE");
      return () => other.close();
    },
    async [Symbol.asyncDispose]() {
      await thread[Symbol.asyncDispose]();
      process.off("worker", remember);
      await rm(folder, { recursive: true });
    },
  };
}

function insertion() {
  const _id = new ObjectId();
  return { kind: "insert", ids: pack([_id.id]), documents: pack([serialize({ _id })]) } as const;
}
const reading = { kind: "page", before: undefined, size: 10 } as const;

test("what is not answered within 10 s fails, and its health says so until there is an answer", async () => {
  await using place = await openThread();
  const release = place.lock();
  const inserting = place.thread.ask(insertion());
  const failing = expect(inserting).rejects.toThrow("the embedded database has not answered within 10 s");
  await place.clock.advance(9_999);
  expect(place.problems).toEqual([]);
  await place.clock.advance(1);
  await failing;
  expect(place.problems).toEqual(["the embedded database has not answered within 10 s"]);
  release();
  await place.thread.ask(reading);
  expect(place.problems.slice(1)).toEqual([undefined]);
  expect(place.clock.timers).toBe(0);
});

test("more than 1000 questions do not wait", async () => {
  await using place = await openThread();
  const release = place.lock();
  const asked = [insertion(), ...Array.from({ length: 999 }, () => reading)].map((each) => place.thread.ask(each));
  await expect(place.thread.ask(reading)).rejects.toThrow("1000 questions to the embedded database wait already");
  release();
  await Promise.all(asked);
  await place.thread.ask(reading);
});

test("a thread that cannot come back is tried again, with what is wrong in its health, until it can", async () => {
  await using place = await openThread();
  await place.thread.ask(insertion());
  await rename(place.folder, `${place.folder}-away`);
  await writeFile(place.folder, "no folder");
  await place.workers.at(-1)?.terminate();
  expect(place.problems).toEqual(["the embedded database: its thread has ended"]);
  for (let tries = 2; tries < 4; tries++) {
    await place.clock.advance(5_000);
    await until(() => place.workers.length === tries && place.clock.timers === 1);
    expect(place.problems.slice(1)).toEqual([expect.stringContaining("the embedded database: EEXIST")]);
    await expect(place.thread.ask(reading)).rejects.toBeInstanceOf(StoreUnavailableError);
  }
  await rm(place.folder);
  await rename(`${place.folder}-away`, place.folder);
  await place.clock.advance(5_000);
  await until(() => place.problems.length === 3);
  expect(place.problems[2]).toBeUndefined();
  expect(await place.thread.ask(reading)).not.toHaveLength(0);
});

test("its end waits 0.8 s at most, and fails what is not answered by then", async () => {
  await using place = await openThread();
  const release = place.lock();
  const failing = expect(place.thread.ask(insertion())).rejects.toThrow("the history is closed");
  let isClosed = false;
  const closed = place.thread[Symbol.asyncDispose]().then(() => {
    isClosed = true;
  });
  await place.clock.advance(799);
  expect(isClosed).toBe(false);
  await place.clock.advance(1);
  await closed;
  await failing;
  release();
});

test("its end ends the attempts to come back", async () => {
  await using place = await openThread();
  await place.workers.at(-1)?.terminate();
  await place.thread[Symbol.asyncDispose]();
  expect(place.clock.timers).toBe(0);
  await place.clock.advance(10_000);
  expect(place.workers).toHaveLength(1);
});
