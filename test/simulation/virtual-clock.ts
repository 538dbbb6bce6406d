import { setImmediate } from "node:timers";
import type { Clock } from "../../src/call/clock.ts";
import { type Entry, TimerQueue } from "./timer-queue.ts";

/** A clock on which time passes only when a test lets it. It begins at 0. */
export interface VirtualClock extends Clock {
  /** Timers that are set. */
  readonly timers: number;
  /** Lets `ms` milliseconds pass. What becomes due happens in order, and all that follows from it before the next. */
  advance(ms: number): Promise<void>;
  /** Lets time pass until `isSo`, `limitMs` milliseconds at most; a test fails that needs longer. */
  advanceUntil(isSo: () => boolean, limitMs?: number): Promise<void>;
  /** Has all that is due now happen, and what follows from it. */
  settle(): Promise<void>;
}

/** Turns of the event loop in which what follows from a timer happens: deadlines and writes are put off to a turn's end. */
const TURNS = 2;

/** @param stepMs timers fire at multiples of this, in milliseconds, as Node's do at whole ones; 0: whenever they are due */
export function createVirtualClock(stepMs = 0): VirtualClock {
  let now = 0;
  let timers = 0;
  const queue = new TimerQueue();

  /** Fires what is due, and not what that sets. */
  function fire(): void {
    for (const entry of queue.takeDue(now)) {
      const { callback } = entry;
      if (callback !== undefined) {
        entry.callback = undefined;
        timers--;
        callback();
      }
    }
  }

  async function settle(): Promise<void> {
    for (let turn = 0; turn < TURNS; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
  }

  async function runTo(end: number, isDone: () => boolean): Promise<boolean> {
    await settle();
    while (!isDone()) {
      const at = queue.nextAt;
      if (at > end) {
        now = Math.max(now, end);
        return false;
      }
      now = Math.max(now, at);
      fire();
      await settle();
    }
    return true;
  }

  return {
    get timers() {
      return timers;
    },
    now: () => now,
    schedule(delayMs, callback) {
      const dueAt = now + Math.max(0, delayMs);
      const at = stepMs === 0 ? dueAt : Math.ceil(dueAt / stepMs) * stepMs;
      const entry: Entry = { at, callback };
      queue.add(entry);
      timers++;
      return {
        cancel() {
          if (entry.callback !== undefined) {
            entry.callback = undefined;
            timers--;
          }
        },
      };
    },
    async advance(ms) {
      await runTo(now + ms, () => false);
    },
    async advanceUntil(isSo, limitMs = 600_000) {
      if (!(await runTo(now + limitMs, isSo))) throw new Error(`${isSo} did not hold within ${limitMs} ms`);
    },
    settle,
  };
}
