import { expect, test } from "vitest";
import { createVirtualClock } from "../../../../test/simulation/virtual-clock.ts";
import { createSummary } from "./summary.ts";

function watched() {
  const clock = createVirtualClock();
  const told: (readonly [number, string])[] = [];
  return { clock, told, summary: createSummary<string>(clock, 10_000, (count, latest) => told.push([count, latest])) };
}

test("tells the first at once, and the others together after the interval, with the latest detail", async () => {
  const { clock, told, summary } = watched();
  for (const detail of ["a", "b", "c"]) summary.add(detail);
  expect(told).toEqual([[1, "a"]]);
  await clock.advance(9_999);
  expect(told).toHaveLength(1);
  await clock.advance(1);
  expect(told.slice(1)).toEqual([[2, "c"]]);
  summary.add("d");
  await clock.advance(10_000);
  expect(told.slice(2)).toEqual([[1, "d"]]);
});

test("is as new after an interval without any", async () => {
  const { clock, told, summary } = watched();
  summary.add("a");
  await clock.advance(10_000);
  expect(clock.timers).toBe(0);
  summary.add("b");
  expect(told).toEqual([
    [1, "a"],
    [1, "b"],
  ]);
});

test("tells what it kept back when asked to", () => {
  const { told, summary } = watched();
  for (const detail of ["a", "b", "c"]) summary.add(detail);
  summary.flush();
  summary.flush();
  expect(told).toEqual([
    [1, "a"],
    [2, "c"],
  ]);
});

test("tells nothing of what it was to forget, and goes on with what comes then", async () => {
  const { clock, told, summary } = watched();
  for (const detail of ["a", "b", "c"]) summary.add(detail);
  summary.forget();
  await clock.advance(10_000);
  expect(told).toEqual([[1, "a"]]);
  summary.add("d");
  expect(told.slice(1)).toEqual([[1, "d"]]);
});
