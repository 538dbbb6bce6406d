/** Timers as an argument, so that a test decides when time passes. */
export interface Clock {
  /** Calls `callback` once after `delayMs`; the timer does not keep the process alive. */
  schedule(delayMs: number, callback: () => void): Timer;
}

export interface Timer {
  cancel(): void;
}

export const systemClock: Clock = {
  schedule(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
};

/** Resolves after `delayMs`. */
export function passed(clock: Clock, delayMs: number): Promise<"passed"> {
  return new Promise((resolve) => clock.schedule(delayMs, () => resolve("passed")));
}
