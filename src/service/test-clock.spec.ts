import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createTestClock } from "./test-clock.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
});
afterEach(() => {
  vi.useRealTimers();
});

test("putting it forward moves the time, and fires what becomes due before it returns, in the order of time", () => {
  const clock = createTestClock();
  const before = clock.now();
  const fired: string[] = [];
  clock.schedule(300, () => fired.push("300"));
  clock.schedule(100, () => fired.push("100"));
  clock.schedule(200, () => fired.push("200"));
  clock.schedule(100_000, () => fired.push("100000"));
  clock.advance(1000);
  expect(fired).toEqual(["100", "200", "300"]);
  expect(clock.now() - before).toBeGreaterThanOrEqual(1000);
  expect(vi.getTimerCount()).toBe(1);
});

test("what is due at the same time fires in the order in which it was scheduled", () => {
  const clock = createTestClock();
  const fired: number[] = [];
  for (let at = 0; at < 10; at++) {
    clock.schedule(100, () => fired.push(at));
  }
  clock.advance(10_000);
  expect(fired).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test("what was cancelled does not fire, and leaves no timer; neither does what another cancels on the way", () => {
  const clock = createTestClock();
  const fired: string[] = [];
  const cancelled = clock.schedule(100, () => fired.push("cancelled"));
  cancelled.cancel();
  clock.schedule(100, () => later.cancel());
  const later = clock.schedule(200, () => fired.push("later"));
  clock.advance(1000);
  expect(fired).toEqual([]);
  expect(vi.getTimerCount()).toBe(0);
});

test("each fires once, whether time passes or is put forward", () => {
  const clock = createTestClock();
  let fired = 0;
  clock.schedule(100, () => fired++);
  vi.advanceTimersByTime(100);
  expect(fired).toBe(1);
  clock.advance(1000);
  expect(fired).toBe(1);
  clock.schedule(100, () => fired++);
  clock.advance(1000);
  vi.advanceTimersByTime(1000);
  expect(fired).toBe(2);
});

test("what a callback schedules becomes due in its own time, from the time that it was put forward to", () => {
  const clock = createTestClock();
  const fired: string[] = [];
  clock.schedule(100, () => {
    fired.push("first");
    clock.schedule(100_000, () => fired.push("second"));
  });
  clock.advance(50_000);
  expect(fired).toEqual(["first"]);
  clock.advance(150_000);
  expect(fired).toEqual(["first", "second"]);
});

test("a time far past a timer's range is reached by putting the clock forward", () => {
  const clock = createTestClock();
  let fired = false;
  clock.schedule(2 ** 40, () => {
    fired = true;
  });
  clock.advance(2 ** 39);
  expect(fired).toBe(false);
  clock.advance(2 ** 40);
  expect(fired).toBe(true);
});
