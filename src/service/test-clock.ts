import { type Clock, systemClock, type Timer } from "../call/clock.ts";

/** A clock that runs as the system's does, and can be put forward. */
export interface TestClock extends Clock {
  /** Puts the clock forward by `ms` milliseconds: what becomes due happens before this returns, in order. */
  advance(ms: number): void;
}

interface Pending {
  readonly at: number;
  readonly callback: () => void;
  readonly timer: Timer;
}

export function createTestClock(): TestClock {
  let offsetMs = 0;
  const pending = new Set<Pending>();
  const now = () => systemClock.now() + offsetMs;
  return {
    now,
    schedule(delayMs, callback) {
      const timer = systemClock.schedule(delayMs, () => {
        pending.delete(entry);
        callback();
      });
      const entry: Pending = { at: now() + delayMs, callback, timer };
      pending.add(entry);
      return {
        cancel() {
          pending.delete(entry);
          timer.cancel();
        },
      };
    },
    advance(ms) {
      offsetMs += ms;
      const nextDue = () => [...pending].filter(({ at }) => at <= now()).sort((a, b) => a.at - b.at)[0];
      for (let entry = nextDue(); entry !== undefined; entry = nextDue()) {
        pending.delete(entry);
        entry.timer.cancel();
        entry.callback();
      }
    },
  };
}
