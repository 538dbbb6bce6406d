import { SlidingWindow } from "./sliding-window.ts";

export interface RetryBudgetOptions {
  /** How many further attempts a call of the last `spanMs` pays for. Default 0.1. */
  readonly ratio?: number;
  /** How many may be made in `spanMs` though no call pays for them, so that a quiet channel retries too. Default 10. */
  readonly floor?: number;
  /** In milliseconds. Default 10,000; it slides by tenths. */
  readonly spanMs?: number;
}

/**
 * What all calls to a target may spend on further attempts, retries and hedges alike: a backend that fails everything is
 * then asked little more often than one that fails nothing.
 */
export class RetryBudget {
  readonly #ratio: number;
  readonly #floor: number;
  readonly #now: () => number;
  readonly #calls: SlidingWindow;
  readonly #attempts: SlidingWindow;
  #taken = 0;
  #refused = 0;

  /** @param now the time in milliseconds */
  constructor({ ratio = 0.1, floor = 10, spanMs = 10_000 }: RetryBudgetOptions, now: () => number) {
    this.#ratio = ratio;
    this.#floor = floor;
    this.#now = now;
    // Made at one time, so that an attempt never falls out before a call that pays for it.
    const startedAt = now();
    this.#calls = new SlidingWindow(startedAt, spanMs);
    this.#attempts = new SlidingWindow(startedAt, spanMs);
  }

  /** Further attempts granted since the start. */
  get taken(): number {
    return this.#taken;
  }

  /** Further attempts refused since the start. */
  get refused(): number {
    return this.#refused;
  }

  /** A call begins: once for each, however many attempts it makes. */
  onCall(): void {
    this.#calls.add(this.#now());
  }

  /** Takes one further attempt; false where nothing is left for it. One that is not made in the end is not given back. */
  tryTake(): boolean {
    const now = this.#now();
    if (this.#attempts.total(now) + 1 > this.#ratio * this.#calls.total(now) + this.#floor) {
      this.#refused++;
      return false;
    }
    this.#attempts.add(now);
    this.#taken++;
    return true;
  }
}
