import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Worker } from "node:worker_threads";
import { EJSON, Long, ObjectId, UUID } from "bson";
import { beforeAll, describe, expect, type TestContext, test } from "vitest";
import type { Entry } from "../../../../gen/name/v1/history_domain.js";
import { GO_BUILD_MS } from "../../../../test/stores/go-program.ts";
import { buildMongoServer, openMongo, openMongoServer } from "../../../../test/stores/mongo-server.ts";
import { until } from "../../../../test/support/until.ts";
import { openStore } from "./open-store.ts";
import { createRecorder } from "./recorder.ts";
import { EntriesRefusedError, type OnHealth, type Store, StoreUnavailableError } from "./store.ts";

/** What a store keeps its entries in; outlives the store. */
interface Home extends AsyncDisposable {
  open(onHealth?: OnHealth): Promise<Store>;
}

/** A home that can be taken from a store. */
interface MortalHome extends Home {
  kill(): Promise<unknown>;
  revive(): Promise<unknown>;
}

interface Kind {
  readonly kind: string;
  readonly outlivesProcess: boolean;
  home(context: TestContext): Promise<Home>;
  mortalHome(context: TestContext): Promise<MortalHome>;
}

const workers: Worker[] = [];

beforeAll(() => {
  const remember = (worker: Worker) => void workers.push(worker);
  process.on("worker", remember);
  return () => process.off("worker", remember);
});

/** The embedded store: what dies is its thread, and it comes back by itself. */
function embedded(folder?: string): MortalHome {
  return {
    open: (onHealth = () => undefined) =>
      openStore({ HISTORY_MAX_ENTRIES: 100_000, ...(folder !== undefined && { DATA_DIR: folder }) }, onHealth),
    kill: async () => workers.at(-1)?.terminate(),
    revive: async () => undefined,
    async [Symbol.asyncDispose]() {
      if (folder !== undefined) await rm(folder, { recursive: true });
    },
  };
}

function overMongo(url: string, dispose: () => PromiseLike<void>): Home {
  const quick = `${url.includes("?") ? "&" : "?"}serverSelectionTimeoutMS=500&heartbeatFrequencyMS=500`;
  return {
    open: (onHealth = () => undefined) =>
      openStore({ HISTORY_MAX_ENTRIES: 100_000, MONGODB_URL: url + quick }, onHealth),
    [Symbol.asyncDispose]: async () => dispose(),
  };
}

const temporaryFolder = () => mkdtemp(join(tmpdir(), "portico-history-"));

const kinds: readonly Kind[] = [
  {
    kind: "the embedded store in memory",
    outlivesProcess: false,
    home: async () => embedded(),
    mortalHome: async () => embedded(),
  },
  {
    kind: "the embedded store in a file",
    outlivesProcess: true,
    home: async () => embedded(await temporaryFolder()),
    mortalHome: async () => embedded(await temporaryFolder()),
  },
  {
    kind: "MongoDB",
    outlivesProcess: true,
    async home(context) {
      const mongo = await openMongo(context);
      return overMongo(mongo.url, () => mongo[Symbol.asyncDispose]());
    },
    async mortalHome(context) {
      const server = await openMongoServer(context);
      return {
        ...overMongo(server.url, () => server[Symbol.asyncDispose]()),
        kill: () => server.kill(),
        revive: () => server.start(),
      };
    },
  },
];

/** A store's health, to wait for. */
function watchHealth() {
  let problem: string | undefined;
  let onChange: (() => void) | undefined;
  return {
    onHealth(now: string | undefined) {
      problem = now;
      onChange?.();
    },
    /** Waits until something is wrong, or nothing is; gives what. */
    async until(state: "well" | "ill"): Promise<string | undefined> {
      while ((problem === undefined) !== (state === "well")) {
        await new Promise<void>((resolve) => {
          onChange = resolve;
        });
      }
      return problem;
    },
  };
}

/** An entry whose id is of that second, so that a later one is above it. */
function entryAt(second: number, name = `name ${second}`): Entry {
  return {
    _id: new ObjectId(ObjectId.generate(second)),
    name,
    processedName: name.toUpperCase(),
    processedAt: new Date(second * 1000),
    tookNs: Long.fromNumber(second),
    requestId: `request ${second}`,
    instance: new UUID(),
  };
}

/** Inserts as whoever records does: until the store can. */
async function insertInTheEnd(store: Store, entries: readonly Entry[]): Promise<void> {
  await until(async () => {
    const failure = await store.insert(entries).catch((error: unknown) => error);
    if (failure !== undefined && !(failure instanceof StoreUnavailableError)) throw failure;
    return failure === undefined;
  });
}

const entriesFrom = (first: number, count: number) =>
  Array.from({ length: count }, (_, index) => entryAt(first + index));
const names = (entries: readonly Entry[]) => entries.map(({ name }) => name);

/** The same documents, with the same types. By name: the driver and we may have a copy of `bson` each. */
function expectSame(found: readonly (Entry | undefined)[], expected: readonly Entry[]): void {
  expect(found.map((entry) => entry && EJSON.stringify(entry, { relaxed: false }))).toEqual(
    expected.map((entry) => EJSON.stringify(entry, { relaxed: false })),
  );
  const typesOf = (entry: Entry | undefined) => Object.values(entry ?? {}).map((value) => value.constructor.name);
  expect(found.map(typesOf)).toEqual(expected.map(typesOf));
}

describe.each(kinds)("$kind", ({ home, mortalHome, outlivesProcess }) => {
  beforeAll(async () => {
    await buildMongoServer();
  }, GO_BUILD_MS);

  test("gives an entry back exactly, with the types that it had", async (context) => {
    await using place = await home(context);
    await using store = await place.open();
    const entry: Entry = {
      ...entryAt(1, "Ünïcödé 🙂 and \u0000"),
      processedAt: new Date("1969-12-31T23:59:59.999Z"),
      tookNs: Long.fromNumber(5),
    };
    const { processedAt: _, ...undated } = entryAt(2);
    const far: Entry = { ...entryAt(3, ""), processedAt: new Date(8.64e15), tookNs: Long.MIN_VALUE };
    await store.insert([entry, undated, far]);
    for (const each of [entry, undated, far]) {
      expectSame([await store.get(each._id)], [each]);
    }
    expectSame(await store.page(undefined, 3), [far, undated, entry]);
  });

  test("has nothing of an id that was never stored, and an empty page where there is nothing", async (context) => {
    await using place = await home(context);
    await using store = await place.open();
    expect(await store.get(new ObjectId())).toBeUndefined();
    expect(await store.page(undefined, 10)).toEqual([]);
    const [entry] = [entryAt(5)];
    await store.insert([entry]);
    expect(await store.get(new ObjectId())).toBeUndefined();
    expect(await store.page(entry._id, 10)).toEqual([]);
  });

  test("a batch that is tried again stores what is missing, and leaves what is there as it is", async (context) => {
    await using place = await home(context);
    await using store = await place.open();
    const all = entriesFrom(1, 5);
    await store.insert(all.slice(1, 3));
    await store.insert(all.map((entry) => ({ ...entry, name: `${entry.name} again` })));
    await store.insert(all);
    expect(names(await store.page(undefined, 10))).toEqual([
      "name 5 again",
      "name 4 again",
      "name 3",
      "name 2",
      "name 1 again",
    ]);
  });

  test("pages of 1000 lead through all entries, the newest first, in whatever order they came", async (context) => {
    await using place = await home(context);
    await using store = await place.open();
    const all = entriesFrom(1, 2_500);
    const shuffled = all.toSorted((one, other) => one.requestId.localeCompare(other.requestId));
    for (let at = 0; at < shuffled.length; at += 500) {
      await store.insert(shuffled.slice(at, at + 500));
    }
    const pages: (readonly Entry[])[] = [];
    for (let before: ObjectId | undefined; pages.at(-1)?.length !== 0; before = pages.at(-1)?.at(-1)?._id) {
      pages.push(await store.page(before, 1_000));
    }
    expect(pages.map(({ length }) => length)).toEqual([1_000, 1_000, 500, 0]);
    expect(names(pages.flat())).toEqual(names(all.toReversed()));
  });

  test("a cursor stays where it is while entries are inserted on both sides of it", async (context) => {
    await using place = await home(context);
    await using store = await place.open();
    const odd = entriesFrom(0, 100).filter((_, index) => index % 2 === 1);
    await store.insert(odd);
    const first = await store.page(undefined, 20);
    const cursor = first.at(-1)?._id;
    const [second] = await Promise.all([
      store.page(cursor, 20),
      store.insert(entriesFrom(200, 50)),
      store.insert(entriesFrom(0, 20).filter((_, index) => index % 2 === 0)),
    ]);
    expect(names([...first, ...second])).toEqual(names(odd.toReversed().slice(0, 40)));
    const rest = await store.page(second.at(-1)?._id, 1_000);
    expect(names(rest)).toEqual(names(entriesFrom(0, 20).toReversed()));
  });

  test("an entry that is too large is refused, for ever, and those that it came with can be stored", async (context) => {
    await using place = await home(context);
    const health = watchHealth();
    await using store = await place.open(health.onHealth);
    const [before, after] = [entryAt(1), entryAt(3)];
    const large = entryAt(2, "x".repeat(18 * 1024 ** 2));
    await expect(store.insert([before, large, after])).rejects.toBeInstanceOf(EntriesRefusedError);
    await expect(store.insert([large])).rejects.toBeInstanceOf(EntriesRefusedError);
    await store.insert([before, after]);
    expect(names(await store.page(undefined, 10))).toEqual(["name 3", "name 1"]);
    expect(await health.until("well")).toBeUndefined();
  });

  test("a reader that goes away has its own reason", async (context) => {
    await using place = await home(context);
    await using store = await place.open();
    const reason = new Error("the caller went away");
    await expect(store.get(new ObjectId(), AbortSignal.abort(reason))).rejects.toBe(reason);
    const controller = new AbortController();
    const page = store.page(undefined, 10, controller.signal);
    controller.abort(reason);
    await expect(page).rejects.toBe(reason);
  });

  test("taken down and brought back: its health says so, what is tried meanwhile fails, and then all goes on", async (context) => {
    await using place = await mortalHome(context);
    const health = watchHealth();
    await using store = await place.open(health.onHealth);
    const [early, late] = [entryAt(1), entryAt(2)];
    await store.insert([early]);
    await place.kill();
    expect(await health.until("ill")).toMatch(/MongoDB|thread/);
    await expect(store.insert([late])).rejects.toBeInstanceOf(StoreUnavailableError);
    await expect(store.get(early._id)).rejects.toBeInstanceOf(StoreUnavailableError);
    await expect(store.page(undefined, 1)).rejects.toBeInstanceOf(StoreUnavailableError);
    await place.revive();
    await insertInTheEnd(store, [late]);
    await health.until("well");
    const expected = outlivesProcess ? ["name 2", "name 1"] : ["name 2"];
    expect(names(await store.page(undefined, 10))).toEqual(expected);
  });

  test("what is under way when it dies fails, or is stored", async (context) => {
    await using place = await mortalHome(context);
    const health = watchHealth();
    await using store = await place.open(health.onHealth);
    await store.insert([entryAt(1)]);
    const batches = Array.from({ length: 20 }, (_, batch) => entriesFrom(1_000 * batch, 500));
    const settled = Promise.allSettled(batches.map((batch) => store.insert(batch)));
    await place.kill();
    for (const each of await settled) {
      if (each.status === "rejected") expect(each.reason).toBeInstanceOf(StoreUnavailableError);
    }
    await place.revive();
    for (const batch of batches) await insertInTheEnd(store, batch);
    await health.until("well");
    expect(await store.page(new ObjectId(ObjectId.generate(19_500)), 10_000)).toHaveLength(10_000);
  });

  test("its end waits for what is under way, and then it can be used no more", async (context) => {
    await using place = await home(context);
    const store = await place.open();
    const all = entriesFrom(1, 500);
    const inserting = store.insert(all);
    await store[Symbol.asyncDispose]();
    await inserting;
    await expect(store.insert(all)).rejects.toBeInstanceOf(StoreUnavailableError);
    await expect(store.get(new ObjectId())).rejects.toBeInstanceOf(StoreUnavailableError);
    await using again = await place.open();
    expect(await again.page(undefined, 1_000)).toHaveLength(outlivesProcess ? 500 : 0);
  });
});

describe.each(kinds.filter(({ outlivesProcess }) => outlivesProcess))("a recorder over $kind", ({ mortalHome }) => {
  test("has everything stored once, though the store dies under it and comes back", async (context) => {
    await using place = await mortalHome(context);
    const health = watchHealth();
    await using store = await place.open(health.onHealth);
    const recorder = createRecorder(store, {
      log: { warn: () => undefined, error: () => undefined },
      batchEntries: 50,
    });
    const all = entriesFrom(1, 4_000);
    for (const entry of all.slice(0, 2_000)) recorder.record(entry);
    await until(() => recorder.stats().stored > 0);
    await place.kill();
    for (const entry of all.slice(2_000)) recorder.record(entry);
    await place.revive();
    await health.until("well");
    await recorder[Symbol.asyncDispose]();
    expect(recorder.stats()).toEqual({ recorded: 4_000, stored: 4_000, dropped: 0, waiting: 0 });
    expect(names(await store.page(undefined, 5_000))).toEqual(names(all.toReversed()));
  });
});
