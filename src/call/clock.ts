/** Time as an argument, so that a test decides when it passes. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls `callback` once after `delayMs` (at most {@link MAX_TIMER_MS}); the timer never keeps the process alive. */
  schedule(delayMs: number, callback: () => void): Timer;
}

export interface Timer {
  cancel(): void;
}

/** The longest delay that Node's timers hold, in milliseconds; a longer one would fire at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

const { timeOrigin } = performance;

export const systemClock: Clock = {
  // Not Date.now: a step of the wall clock must not end calls.
  now: () => timeOrigin + performance.now(),
  schedule(delayMs, callback) {
    const timer = setTimeout(callback, Math.min(Math.max(0, delayMs), MAX_TIMER_MS));
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
};
