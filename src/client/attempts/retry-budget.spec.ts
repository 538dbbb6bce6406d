import { expect, test } from "vitest";
import { RetryBudget, type RetryBudgetOptions } from "./retry-budget.ts";

function budgetAt(options: RetryBudgetOptions = {}) {
  const clock = { ms: 0 };
  return { clock, budget: new RetryBudget(options, () => clock.ms) };
}

/** Calls that all fail at once and want three more attempts each, evenly over a time; gives the attempts made. */
function failAll({ calls, overMs }: { readonly calls: number; readonly overMs: number }) {
  const { clock, budget } = budgetAt();
  let attempts = 0;
  for (let call = 0; call < calls; call++) {
    clock.ms = (call * overMs) / calls;
    budget.onCall();
    attempts++;
    for (let retry = 0; retry < 3 && budget.tryTake(); retry++) attempts++;
  }
  return { attempts, budget };
}

test.each([
  { overMs: 1, floors: 1 },
  { overMs: 10_000, floors: 1 },
  { overMs: 40_000, floors: 4 },
  { overMs: 600_000, floors: 60 },
])("2,000 calls that all fail within $overMs ms are 1.1 attempts each and the floor of every 10 s", (burst) => {
  const { attempts, budget } = failAll({ calls: 2_000, overMs: burst.overMs });
  expect(attempts).toBeLessThanOrEqual(2_200 + 10 * burst.floors);
  expect(attempts).toBeGreaterThan(2_170);
  expect(budget.taken).toBe(attempts - 2_000);
});

test("without a call the floor is there for every ten seconds, once", () => {
  const { clock, budget } = budgetAt();
  const takeAll = () => {
    let taken = 0;
    while (budget.tryTake()) taken++;
    return taken;
  };
  expect(takeAll()).toBe(10);
  clock.ms = 9_999;
  expect(takeAll()).toBe(0);
  clock.ms = 10_000;
  expect(takeAll()).toBe(10);
  expect([budget.taken, budget.refused]).toEqual([20, 3]);
});

test("calls pay for further attempts while they are among the last, not for ever", () => {
  const { clock, budget } = budgetAt({ ratio: 0.5, floor: 0, spanMs: 1_000 });
  for (let call = 0; call < 4; call++) budget.onCall();
  clock.ms = 900;
  expect(budget.tryTake()).toBe(true);
  clock.ms = 1_000;
  expect(budget.tryTake()).toBe(false);
});

test("what calls paid for and nobody took is not saved, and what was taken is not forgiven before its time", () => {
  const { clock, budget } = budgetAt({ ratio: 0.5, floor: 1, spanMs: 1_000 });
  for (let call = 0; call < 4; call++) budget.onCall();
  clock.ms = 950;
  expect([budget.tryTake(), budget.tryTake(), budget.tryTake(), budget.tryTake()]).toEqual([true, true, true, false]);
  clock.ms = 1_850;
  expect(budget.tryTake()).toBe(false);
  clock.ms = 1_900;
  expect(budget.tryTake()).toBe(true);
});
