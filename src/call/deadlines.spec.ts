import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { Clock } from "./clock.ts";
import { Deadlines } from "./deadlines.ts";

/** A clock that is put forward by hand, and counts the timers that it was asked for. */
function handClock() {
  let now = 0;
  const pending = new Set<{ readonly at: number; readonly callback: () => void }>();
  let scheduled = 0;
  const clock: Clock = {
    now: () => now,
    schedule(delayMs, callback) {
      const entry = { at: now + Math.max(0, delayMs), callback };
      pending.add(entry);
      scheduled++;
      return { cancel: () => void pending.delete(entry) };
    },
  };
  return {
    clock,
    pending: () => pending.size,
    scheduled: () => scheduled,
    advanceTo(time: number) {
      for (;;) {
        const [next] = [...pending].filter(({ at }) => at <= time).sort((a, b) => a.at - b.at);
        if (next === undefined) break;
        now = Math.max(now, next.at);
        pending.delete(next);
        next.callback();
      }
      now = time;
    },
  };
}

const turnEnds = () => new Promise(setImmediate);

test("the deadlines of a turn share a timer, and each expires at its own time, unless it was taken back", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({ at: fc.integer({ min: 1, max: 50 }), cancelledAt: fc.option(fc.integer({ min: 0, max: 50 })) }),
        {
          minLength: 1,
          maxLength: 20,
        },
      ),
      async (plan) => {
        const hand = handClock();
        const deadlines = new Deadlines(hand.clock);
        const expired: (number | undefined)[] = plan.map(() => undefined);
        const entries = plan.map(({ at }, index) =>
          deadlines.add(
            {
              expire() {
                expect(expired[index]).toBeUndefined();
                expired[index] = hand.clock.now();
              },
            },
            at,
          ),
        );
        await turnEnds();
        expect(hand.pending()).toBe(1);
        for (let time = 0; time <= 60; time++) {
          for (const [index, { cancelledAt }] of plan.entries()) {
            if (cancelledAt === time) entries[index]?.cancel();
          }
          hand.advanceTo(time);
        }
        const expected = plan.map(({ at, cancelledAt }) =>
          cancelledAt !== null && cancelledAt <= at ? undefined : at,
        );
        expect(expired).toEqual(expected);
        expect(hand.pending()).toBe(0);
      },
    ),
    { numRuns: 100 },
  );
});

test("calls that are over before their turn is take no timer", async () => {
  const hand = handClock();
  const deadlines = new Deadlines(hand.clock);
  for (let count = 0; count < 10; count++) {
    deadlines.add({ expire: () => expect.unreachable() }, 5).cancel();
  }
  await turnEnds();
  expect(hand.scheduled()).toBe(0);
});

test("the next turn has a timer of its own; a deadline that has passed already expires behind the turn", async () => {
  const hand = handClock();
  const deadlines = new Deadlines(hand.clock);
  const expired: string[] = [];
  deadlines.add({ expire: () => expired.push("first") }, 10);
  await turnEnds();
  deadlines.add({ expire: () => expired.push("late") }, -1);
  expect(expired).toEqual([]);
  await turnEnds();
  expect(hand.pending()).toBe(2);
  hand.advanceTo(0);
  expect(expired).toEqual(["late"]);
  hand.advanceTo(10);
  expect(expired).toEqual(["late", "first"]);
});
