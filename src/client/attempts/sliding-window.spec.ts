import fc from "fast-check";
import { expect, test } from "vitest";
import { SlidingWindow } from "./sliding-window.ts";

test("counts ten seconds if nobody says otherwise, and lets a tenth of them fall out at a time", () => {
  const window = new SlidingWindow(500);
  window.add(500);
  window.add(1_499);
  window.add(1_500, 3);
  expect(window.total(10_499)).toBe(5);
  expect(window.total(10_500)).toBe(3);
  expect(window.total(11_499)).toBe(3);
  expect(window.total(11_500)).toBe(0);
});

test("has forgotten everything after a silence of any length", () => {
  const window = new SlidingWindow(0, 100);
  window.add(0, 7);
  window.add(1e12);
  expect(window.total(1e12)).toBe(1);
});

test("counts what falls into a step back of the clock as happening now", () => {
  const window = new SlidingWindow(1_000, 100);
  window.add(1_050);
  window.add(900);
  expect(window.total(1_050)).toBe(2);
});

test("counts what happened in the slot that lasts and the nine before it, whatever happened when", () => {
  const afterMs = fc.oneof({ weight: 9, arbitrary: fc.nat({ max: 300 }) }, fc.nat({ max: 3_000 }));
  const events = fc.array(fc.record({ afterMs, count: fc.nat({ max: 5 }) }), { maxLength: 100, size: "max" });
  fc.assert(
    fc.property(fc.nat({ max: 1_000 }), events, (startedAt, list) => {
      const window = new SlidingWindow(startedAt, 1_000);
      const slotOf = (at: number) => Math.floor((at - startedAt) / 100);
      const happened: { readonly at: number; readonly count: number }[] = [];
      let now = startedAt;
      for (const { afterMs, count } of list) {
        now += afterMs;
        window.add(now, count);
        happened.push({ at: now, count });
        const late = happened.filter(({ at }) => slotOf(at) > slotOf(now) - 10);
        expect(window.total(now)).toBe(late.reduce((sum, event) => sum + event.count, 0));
      }
    }),
  );
});
