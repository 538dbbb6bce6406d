import { expect, test } from "vitest";
import { mostIn, runHerd } from "./herd.ts";

const PLAN = { clients: 1000, callEveryMs: 1000, beforeMs: 1000, downMs: 10_000 };
const WINDOW_MS = 100;
/** The back-off has its full length by then: 50 + 100 + 200 + 400 ms, at the most. */
const GROWN_MS = 750;

const during = (times: readonly number[], from: number, to: number) => times.filter((at) => at >= from && at < to);

test("1,000 clients whose backend is down for 10 s come back without a stampede, all within a second", async () => {
  const { connects, arrivals, outcomes, wentDownAt, cameBackAt, allBackAt, retries } = await runHerd({
    ...PLAN,
    seed: 1,
    acceptsPerMs: 3,
    afterMs: 2000,
  });
  const grownAt = wentDownAt + GROWN_MS;
  const later = during(connects, grownAt, Number.POSITIVE_INFINITY);
  const meanPerWindow = (during(connects, grownAt, cameBackAt).length / (cameBackAt - grownAt)) * WINDOW_MS;
  const first = mostIn(during(connects, wentDownAt, grownAt), WINDOW_MS);
  const callsPerWindow = (PLAN.clients / PLAN.callEveryMs) * WINDOW_MS;
  const callsAfter = mostIn(during(arrivals, cameBackAt, Number.POSITIVE_INFINITY), WINDOW_MS);
  console.log(
    `attempts to connect in 100 ms: ${Math.round(meanPerWindow)} on average, ${mostIn(later, WINDOW_MS)} at the most, ` +
      `${first} right after the crash; calls: ${callsPerWindow} asked for, ${callsAfter} at the most; ` +
      `all back after ${Math.round(allBackAt - cameBackAt)} ms; ${retries} retries of ${outcomes.length} calls`,
  );
  expect(mostIn(later, WINDOW_MS)).toBeLessThan(1.5 * meanPerWindow);
  expect(first).toBeLessThan(2.5 * PLAN.clients); // each tries within 50 ms, and again within 100
  expect(allBackAt - cameBackAt).toBeLessThanOrEqual(1000);
  expect(callsAfter).toBeLessThan(1.5 * callsPerWindow);
  const late = outcomes.filter(({ startedAt, settledAt = Number.POSITIVE_INFINITY }) => settledAt > startedAt + 1050);
  expect(late.filter(({ startedAt }) => startedAt < allBackAt)).toEqual([]);
  const [wellAt, endsAt] = [cameBackAt + 1000, cameBackAt + 1990]; // the last calls end with their channels
  const failedLate = outcomes.filter(
    ({ startedAt, code }) => startedAt > wellAt && startedAt < endsAt && code !== undefined,
  );
  expect(failedLate).toEqual([]);
});

test("they come back too where the backend accepts fewer than want to connect", async () => {
  const { cameBackAt, allBackAt } = await runHerd({ ...PLAN, clients: 500, seed: 2, acceptsPerMs: 0.5, afterMs: 4000 });
  console.log(`500 clients at 500 connections a second: all back after ${Math.round(allBackAt - cameBackAt)} ms`);
  expect(allBackAt - cameBackAt).toBeLessThan(3000);
});

test("a herd follows from its seed", async () => {
  const plan = { ...PLAN, clients: 20, seed: 3, acceptsPerMs: 1, downMs: 1000, afterMs: 1000 };
  const [one, other] = [await runHerd(plan), await runHerd(plan)];
  expect(one.connects).toEqual(other.connects);
  expect(one.arrivals).toEqual(other.arrivals);
});
