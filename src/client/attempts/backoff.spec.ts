import fc from "fast-check";
import { expect, test } from "vitest";
import { randomOf } from "../../../test/http2/random.ts";
import { backoffMs } from "./backoff.ts";

const reconnection = { initialMs: 50, maxMs: 800, multiplier: 2 };

test("the bound doubles with every failure until it is the highest", () => {
  const bounds = [0, 1, 2, 3, 4, 5, 6, 2_000].map((failures) => backoffMs(failures, reconnection, () => 1));
  expect(bounds).toEqual([50, 100, 200, 400, 800, 800, 800, 800]);
});

test("a bound that starts above the highest is the highest", () => {
  expect(backoffMs(0, { initialMs: 50, maxMs: 20, multiplier: 2 }, () => 1)).toBe(20);
});

test("a wait is anything below the bound, nothing at all included, and as likely in every part of it", () => {
  expect(backoffMs(3, reconnection, () => 0)).toBe(0);
  const random = randomOf(1);
  const quarters = [0, 0, 0, 0];
  for (let wait = 0; wait < 40_000; wait++) {
    const quarter = Math.floor(backoffMs(3, reconnection, random.next) / 100);
    quarters[quarter] = (quarters[quarter] ?? 0) + 1;
  }
  expect(quarters).toHaveLength(4);
  for (const count of quarters) {
    expect(count).toBeGreaterThan(9_700);
    expect(count).toBeLessThan(10_300);
  }
});

test("no number of failures leads beyond the bounds", () => {
  fc.assert(
    fc.property(fc.nat(), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (failures, drawn) => {
      const waitMs = backoffMs(failures, reconnection, () => drawn);
      return waitMs >= 0 && waitMs < 800;
    }),
  );
});

test("a thousand clients that fail together, again and again, do not come back together", () => {
  const random = randomOf(2);
  const perTenMs = new Array<number>(500).fill(0);
  for (let client = 0; client < 1_000; client++) {
    let at = 0;
    for (let failures = 0; at < 5_000; failures++) {
      at += backoffMs(failures, reconnection, random.next);
      const index = Math.floor(at / 10);
      if (index < perTenMs.length) perTenMs[index] = (perTenMs[index] ?? 0) + 1;
    }
  }
  expect(Math.max(...perTenMs)).toBeLessThan(350); // at once after the failure; without jitter it would be 1,000
  expect(Math.max(...perTenMs.slice(100))).toBeLessThan(60); // 25 on average
});
