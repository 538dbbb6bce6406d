import { SlidingWindow } from "./sliding-window.ts";

export interface ThrottleOptions {
  /** How many requests an accepted one lets through: with 2, nothing is rejected while half are accepted. Default 2. */
  readonly k?: number;
  /**
   * The highest probability of a rejection, up to 1. Default 0.8, as in Envoy's admission control. The formula by itself
   * counts what it rejects and nears 1 the more the busier the client is: it would try a backend that refuses everything once
   * in `spanMs` on average, whatever the rate, and be a minute in coming back to it.
   */
  readonly maxRejection?: number;
  /**
   * How many requests beyond `k` times the accepted ones are let pass for nothing. Default 10: without them the first answer
   * that says so, perhaps of one call that was too large, would have every other call rejected.
   */
  readonly allowance?: number;
  /** What is counted, in milliseconds. Default 10,000; it slides by tenths. */
  readonly spanMs?: number;
}

/**
 * Spares a backend that says it is overloaded calls that it would refuse: "Client-Side Throttling" in the chapter "Handling
 * Overload" of the book "Site Reliability Engineering". It is told nothing of connections that fail: nobody is spared then.
 */
export class Throttle {
  readonly #k: number;
  readonly #maxRejection: number;
  readonly #allowance: number;
  readonly #now: () => number;
  readonly #random: () => number;
  readonly #requests: SlidingWindow;
  readonly #accepts: SlidingWindow;
  #rejected = 0;

  /**
   * @param now the time in milliseconds
   * @param random numbers from 0 to 1, without 1
   */
  constructor(
    { k = 2, maxRejection = 0.8, allowance = 10, spanMs = 10_000 }: ThrottleOptions,
    now: () => number,
    random: () => number,
  ) {
    this.#k = k;
    this.#maxRejection = maxRejection;
    this.#allowance = allowance;
    this.#now = now;
    this.#random = random;
    const startedAt = now();
    this.#requests = new SlidingWindow(startedAt, spanMs);
    this.#accepts = new SlidingWindow(startedAt, spanMs);
  }

  /** Requests rejected since the start. */
  get rejected(): number {
    return this.#rejected;
  }

  /** Whether a request may be sent; one that may not counts as a request that was not accepted. */
  admits(): boolean {
    const now = this.#now();
    const requests = this.#requests.total(now);
    const excess = requests - this.#k * this.#accepts.total(now) - this.#allowance;
    const rejection = Math.min(this.#maxRejection, excess / (requests + 1));
    if (this.#random() >= rejection) {
      return true; // always where the probability comes out as none or less
    }
    this.#requests.add(now);
    this.#rejected++;
    return false;
  }

  /** A live backend has answered a request: it is overloaded, or it took the request, whatever came of it. */
  onAnswer(isOverloaded: boolean): void {
    const now = this.#now();
    this.#requests.add(now);
    if (!isOverloaded) {
      this.#accepts.add(now);
    }
  }
}
