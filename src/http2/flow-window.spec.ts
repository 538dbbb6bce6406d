import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ReceiveWindow, SendWindow, WindowBudget } from "./flow-window.ts";

describe("a send window", () => {
  test("takes grants up to 2^31-1", () => {
    const window = new SendWindow(65_535);
    expect(window.grant(0x7fffffff - 65_535)).toBe(true);
    expect(window.grant(1)).toBe(false);
  });

  test("may become negative, and is granted back from there", () => {
    const window = new SendWindow(10);
    expect(window.grant(-30)).toBe(true);
    expect(window.available).toBe(-20);
    window.grant(25);
    expect(window.available).toBe(5);
  });
});

describe("a receive window", () => {
  test("takes what was granted, and not a byte more", () => {
    const window = new ReceiveWindow(100);
    expect(window.receive(60)).toBe(true);
    expect(window.receive(40)).toBe(true);
    expect(window.receive(1)).toBe(false);
  });

  test("takes an empty frame also where nothing is granted, or less", () => {
    const window = new ReceiveWindow(100);
    window.receive(100);
    expect(window.receive(0)).toBe(true);
    window.resize(50);
    expect(window.receive(0)).toBe(true);
  });

  test("is renewed for what was consumed, once that is half of it", () => {
    const window = new ReceiveWindow(100);
    window.receive(90);
    expect(window.consume(49)).toBe(0);
    expect(window.consume(1)).toBe(50);
    expect([window.available, window.unread]).toEqual([60, 40]);
  });

  test("never lets more wait unread than its size, and never withholds half of what is due", () => {
    const steps = fc.array(
      fc.record({
        arrives: fc.nat(400),
        reads: fc.double({ min: 0, max: 1, noNaN: true }),
        resize: fc.option(fc.nat(1000)),
      }),
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1000 }), steps, (size, sequence) => {
        const window = new ReceiveWindow(size);
        let sent = size; // what the peer knows that it may send
        for (const { arrives, reads, resize } of sequence) {
          if (resize !== null) {
            sent += resize - window.size;
            window.resize(resize);
          }
          const bytes = Math.max(0, Math.min(arrives, sent));
          sent -= bytes;
          expect(window.receive(bytes)).toBe(true);
          sent += window.consume(Math.floor(window.unread * reads));
          expect(window.available).toBe(sent);
          const due = window.size - window.available - window.unread;
          expect(due).toBeLessThan(Math.max(1, window.size >> 1));
          expect(due).toBeGreaterThanOrEqual(0);
        }
      }),
    );
  });

  test("grants more with its next renewal where it has grown", () => {
    const window = new ReceiveWindow(100);
    window.size = 300;
    expect(window.consume(0)).toBe(200);
  });
});

test("a budget gives no more than a quarter of what it has left to one, and takes it back", () => {
  const budget = new WindowBudget(100);
  expect([budget.take(26), budget.take(25), budget.left]).toEqual([false, true, 75]);
  expect([budget.take(19), budget.take(18), budget.left]).toEqual([false, true, 57]);
  budget.giveBack(43);
  expect([budget.take(25), budget.left]).toEqual([true, 75]);
});
