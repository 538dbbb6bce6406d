import { AsyncLocalStorage } from "node:async_hooks";
import { Long, ObjectId, UUID } from "bson";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Entry } from "../../../../gen/name/v1/history_domain.js";
import { randomOf } from "../../../../test/http2/random.ts";
import { createVirtualClock } from "../../../../test/simulation/virtual-clock.ts";
import { createRecorder, type RecorderOptions } from "./recorder.ts";
import { EntriesRefusedError, StoreUnavailableError } from "./store.ts";

function entry(name = "ada"): Entry {
  const processed = { processedName: name.toUpperCase(), processedAt: new Date(0), tookNs: Long.ONE };
  return { _id: new ObjectId(), name, ...processed, requestId: "r", instance: new UUID() };
}

function entries(count: number): readonly Entry[] {
  return Array.from({ length: count }, () => entry());
}

/** A recorder on a clock of its own, over a store that does with each batch what `insert` says. */
function recording(insert: (batch: readonly Entry[]) => unknown = () => undefined, options?: Partial<RecorderOptions>) {
  const clock = createVirtualClock();
  const lines: string[] = [];
  const batches: (readonly Entry[])[] = [];
  const store = {
    async insert(batch: readonly Entry[]) {
      batches.push(batch);
      await insert(batch);
    },
  };
  const log = {
    warn: (line: string | object) => void lines.push(`warn ${line}`),
    error: (line: string | object) => void lines.push(`error ${line}`),
  };
  const recorder = createRecorder(store, { log, clock, random: () => 0.5, ...options });
  return { clock, lines, batches, recorder };
}

const down = () => {
  throw new StoreUnavailableError("nobody answers");
};

test("entries wait 100 ms for others, and are stored together", async () => {
  const { clock, batches, recorder } = recording();
  const all = entries(3);
  recorder.record(all[0] as Entry);
  await clock.advance(99);
  for (const each of all.slice(1)) recorder.record(each);
  expect(batches).toEqual([]);
  await clock.advance(1);
  expect(batches).toEqual([all]);
  expect(recorder.stats()).toEqual({ recorded: 3, stored: 3, dropped: 0, waiting: 0 });
});

test("a batch that is full waits for nothing, but not in the call that filled it", async () => {
  const { clock, batches, recorder } = recording();
  for (const each of entries(600)) recorder.record(each);
  expect(batches).toEqual([]);
  await clock.advance(0);
  expect(batches.map(({ length }) => length)).toEqual([500]);
  await clock.advance(100);
  expect(batches.map(({ length }) => length)).toEqual([500, 100]);
});

test("one batch is under way at a time", async () => {
  const first = Promise.withResolvers<void>();
  const { clock, batches, recorder } = recording(() => first.promise);
  for (const each of entries(1_100)) recorder.record(each);
  await clock.advance(10_000);
  expect(batches).toHaveLength(1);
  expect(recorder.stats()).toMatchObject({ stored: 0, waiting: 1_100 });
  first.resolve();
  await clock.advance(100);
  expect(batches.map(({ length }) => length)).toEqual([500, 500, 100]);
});

test("a store that is down is tried again after a back-off, 5 s at most, with one entry, until all is stored", async () => {
  let isDown = true;
  const triedAt: number[] = [];
  const { clock, batches, recorder, lines } = recording(
    () => {
      triedAt.push(clock.now());
      if (isDown) down();
    },
    { random: () => 1 },
  );
  const all = entries(40);
  for (const each of all) recorder.record(each);
  await clock.advance(30_000);
  const waits = triedAt.slice(1).map((at, index) => at - (triedAt[index] ?? 0));
  expect(waits).toEqual([100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000, 5_000]);
  expect(batches.map(({ length }) => length)).toEqual([40, ...triedAt.slice(1).map(() => 1)]);
  expect(lines[0]).toBe("warn action=store_history, status=failing, tries=1, waiting=40, reason=nobody answers");
  expect(lines).toHaveLength(3); // at once, and after 10 and 20 s
  isDown = false;
  await clock.advance(6_000);
  expect(recorder.stats()).toEqual({ recorded: 40, stored: 40, dropped: 0, waiting: 0 });
});

test("once it stores again, nothing more is said of failures before", async () => {
  let isDown = true;
  const { clock, recorder, lines } = recording(() => isDown && down());
  for (const each of entries(40)) recorder.record(each);
  await clock.advance(5_000);
  isDown = false;
  await clock.advance(60_000);
  expect(recorder.stats().stored).toBe(40);
  expect(lines).toEqual(["warn action=store_history, status=failing, tries=1, waiting=40, reason=nobody answers"]);
});

test("what comes while 10,000 wait is dropped and counted, and said at most once in 10 s", async () => {
  const { clock, lines, recorder, batches } = recording(() => new Promise(() => undefined));
  const all = entries(10_000);
  for (const each of all) recorder.record(each);
  for (const each of entries(5)) recorder.record(each);
  expect(recorder.stats()).toEqual({ recorded: 10_005, stored: 0, dropped: 5, waiting: 10_000 });
  await clock.advance(10_000);
  expect(lines).toEqual([
    "warn action=record_history, status=dropped, entries=1, reason=10000 entries wait already",
    "warn action=record_history, status=dropped, entries=4, reason=10000 entries wait already",
  ]);
  expect(batches[0]).toEqual(all.slice(0, 500));
});

test("an entry that is refused for ever is dropped, counted and said with its id, and the others are stored", async () => {
  const bad = entry("bad");
  const stored = new Set<Entry>();
  const { clock, lines, recorder } = recording((batch) => {
    if (batch.includes(bad)) throw new EntriesRefusedError("too large");
    for (const each of batch) stored.add(each);
  });
  const all = entries(300);
  for (const each of [...all.slice(0, 123), bad, ...all.slice(123)]) recorder.record(each);
  await clock.advance(1_000);
  expect(stored).toEqual(new Set(all));
  expect(recorder.stats()).toEqual({ recorded: 301, stored: 300, dropped: 1, waiting: 0 });
  expect(lines).toEqual([
    `error action=record_history, status=refused, entries=1, id=${bad._id.toHexString()}, reason=too large`,
  ]);
});

test("an entry that fails again and again keeps no other from being stored, and is still tried", async () => {
  const sick = entry("sick");
  let isSick = true;
  const stored = new Set<Entry>();
  const { clock, recorder } = recording((batch) => {
    if (isSick && batch.includes(sick)) throw new Error("internal error of the server");
    for (const each of batch) stored.add(each);
  });
  const all = entries(1_200);
  for (const each of [...all.slice(0, 600), sick, ...all.slice(600)]) recorder.record(each);
  await clock.advance(60_000);
  expect(stored).toEqual(new Set(all));
  expect(recorder.stats()).toMatchObject({ dropped: 0, waiting: 1 });
  isSick = false;
  await clock.advance(10_000);
  expect(recorder.stats()).toEqual({ recorded: 1_201, stored: 1_201, dropped: 0, waiting: 0 });
});

test("its end stores what waits, at once, also in the middle of a back-off", async () => {
  let isDown = true;
  const { clock, recorder } = recording(() => isDown && down());
  for (const each of entries(1_000)) recorder.record(each);
  await clock.advance(60_000);
  isDown = false;
  const before = clock.now();
  const closed = recorder[Symbol.asyncDispose]();
  await clock.advanceUntil(() => recorder.stats().stored === 1_000);
  await closed;
  expect(clock.now()).toBe(before);
});

test("its end takes 4 s at most, and says what is lost", async () => {
  const { clock, lines, recorder } = recording(() => new Promise(() => undefined));
  for (const each of entries(700)) recorder.record(each);
  let isClosed = false;
  const closed = recorder[Symbol.asyncDispose]().then(() => {
    isClosed = true;
  });
  await clock.advance(3_999);
  expect(isClosed).toBe(false);
  await clock.advance(1);
  await closed;
  expect(lines).toEqual([
    "error action=close_history, status=lost, entries=700, reason=they could not be stored in 4000 ms",
  ]);
  expect(recorder.stats()).toEqual({ recorded: 700, stored: 0, dropped: 700, waiting: 0 });
  recorder.record(entry());
  expect(recorder.stats()).toMatchObject({ recorded: 701, dropped: 701 });
  recorder.record(entry());
  const late = "warn action=record_history, status=dropped, entries=1, reason=the history is closed";
  expect(lines.slice(1)).toEqual([late, late]); // each at once: no timer may be waited for any longer
});

test("an end with nothing to store comes at once, and is the same the second time", async () => {
  const { clock, recorder } = recording();
  const closed = recorder[Symbol.asyncDispose]();
  expect(recorder[Symbol.asyncDispose]()).toBe(closed);
  await closed;
  expect(clock.timers).toBe(0);
});

test("nothing that it does is part of the call that recorded", async () => {
  const calls = new AsyncLocalStorage<string>();
  const seen: (string | undefined)[] = [];
  const { clock, recorder } = recording(() => {
    seen.push(calls.getStore());
    if (seen.length === 1) down();
  });
  calls.run("a call", () => recorder.record(entry()));
  await clock.advance(1_000);
  expect(seen).toEqual([undefined, undefined]);
});

test("every entry is stored once, or waits, or is counted as dropped, whatever the store does", async () => {
  const step = fc.record({
    arrivals: fc.nat({ max: 400 }),
    waitMs: fc.nat({ max: 3_000 }),
    store: fc.constantFrom("up", "up", "down", "part", "slow"),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 20 }), fc.nat(), fc.boolean(), async (steps, seed, ends) => {
      const random = randomOf(seed);
      const stored = new Map<Entry, number>();
      let manner: (typeof steps)[number]["store"] = "up";
      const keep = (batch: readonly Entry[]) => {
        for (const each of batch) stored.set(each, 1);
      };
      const { clock, recorder } = recording(
        async (batch) => {
          if (manner === "down") down();
          if (manner === "slow") await new Promise<void>((resolve) => clock.schedule(random.between(0, 800), resolve));
          keep(batch.filter(() => manner !== "part" || random.chance(0.5)));
          if (batch.some(({ name }) => name === "refused")) throw new EntriesRefusedError("never");
          if (manner === "part" || batch.some(({ name }) => name === "sick")) throw new Error("a part is missing");
        },
        { maxWaiting: 1_000, random: random.next },
      );
      const offered: Entry[] = [];
      for (const { arrivals, waitMs, store } of steps) {
        manner = store;
        for (let count = 0; count < arrivals; count++) {
          // Sick ones in a row look like a store that is down, and an end is bounded: so there is one at most.
          const isSick = random.chance(0.003) && offered.every((each) => each.name !== "sick");
          const name = isSick ? "sick" : random.chance(0.005) ? "refused" : "well";
          const next = entry(name);
          offered.push(next);
          recorder.record(next);
        }
        await clock.advance(waitMs);
        const { recorded, stored: count, dropped, waiting } = recorder.stats();
        expect(recorded).toBe(offered.length);
        expect(count + dropped + waiting).toBe(recorded);
        expect(waiting).toBeLessThanOrEqual(1_000);
      }
      manner = ends ? "up" : "down";
      const before = recorder.stats();
      const start = clock.now();
      let isClosed = false;
      const closed = recorder[Symbol.asyncDispose]().then(() => {
        isClosed = true;
      });
      await clock.advanceUntil(() => isClosed, 4_001);
      await closed;
      expect(clock.now() - start).toBeLessThanOrEqual(4_000);
      const after = recorder.stats();
      expect(after.waiting).toBe(0);
      expect(after.stored + after.dropped).toBe(offered.length);
      const kept = offered.filter((each) => stored.has(each) && each.name === "well").length;
      expect(after.stored).toBeLessThanOrEqual(kept);
      if (ends) {
        const gone = offered.filter((each) => each.name !== "well").length;
        expect(after.dropped).toBeLessThanOrEqual(before.dropped + gone);
      }
    }),
    { numRuns: 60 },
  );
});
