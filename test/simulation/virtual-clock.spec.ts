import { expect, test } from "vitest";
import { deadlinesOf } from "../../src/call/deadlines.ts";
import { createVirtualClock } from "./virtual-clock.ts";

test("what is set happens in the order of its times, each at its own, and what was cancelled does not", async () => {
  const clock = createVirtualClock();
  const happened: string[] = [];
  const at = (name: string) => () => happened.push(`${name} ${clock.now()}`);
  clock.schedule(20, at("second"));
  clock.schedule(10, at("first"));
  clock.schedule(20, at("third"));
  clock.schedule(15, at("none")).cancel();
  clock.schedule(5, () => clock.schedule(25, at("set by another")));
  expect(clock.timers).toBe(4);
  await clock.advance(30);
  expect(happened).toEqual(["first 10", "second 20", "third 20", "set by another 30"]);
  expect([clock.now(), clock.timers]).toEqual([30, 0]);
});

test("what follows from a timer, in turns of the event loop too, comes before the next", async () => {
  const clock = createVirtualClock();
  const happened: string[] = [];
  clock.schedule(10, () => {
    Promise.resolve().then(() => setImmediate(() => happened.push(`followed at ${clock.now()}`)));
  });
  clock.schedule(11, () => happened.push(`next at ${clock.now()}`));
  await clock.advance(20);
  expect(happened).toEqual(["followed at 10", "next at 11"]);
});

test("a deadline expires at its time", async () => {
  const clock = createVirtualClock();
  let expiredAt: number | undefined;
  deadlinesOf(clock).add({ expire: () => (expiredAt = clock.now()) }, 50);
  await clock.advanceUntil(() => expiredAt !== undefined);
  expect(expiredAt).toBe(50);
});
