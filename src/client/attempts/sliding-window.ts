const SLOTS = 10;

/**
 * How much happened lately. Time is counted in slots of a tenth of the span, and a slot falls out whole: what is counted is
 * the slot that lasts and the nine before it, which is the last 9 to 10 tenths of the span.
 */
export class SlidingWindow {
  readonly #startedAt: number;
  readonly #slotMs: number;
  /** A ring: the slot that lasts is at its number, modulo the length. */
  readonly #counts = new Float64Array(SLOTS);
  /** The number of the slot that lasts, from the start of the window on. */
  #slot = 0;
  #total = 0;

  /**
   * @param now the time in milliseconds, as every `now` below; what comes from a step back of the clock counts as of now
   * @param spanMs what "lately" is, in milliseconds: 10,000 by default
   */
  constructor(now: number, spanMs = 10_000) {
    this.#startedAt = now;
    this.#slotMs = spanMs / SLOTS;
  }

  /** @param count a whole number */
  add(now: number, count = 1): void {
    this.#moveTo(now);
    const index = this.#slot % SLOTS;
    this.#counts[index] = (this.#counts[index] ?? 0) + count;
    this.#total += count;
  }

  total(now: number): number {
    this.#moveTo(now);
    return this.#total;
  }

  #moveTo(now: number): void {
    const slot = Math.floor((now - this.#startedAt) / this.#slotMs);
    if (slot - this.#slot >= SLOTS) {
      this.#counts.fill(0);
      this.#total = 0;
      this.#slot = slot;
    }
    while (this.#slot < slot) {
      this.#slot++;
      const index = this.#slot % SLOTS;
      this.#total -= this.#counts[index] ?? 0;
      this.#counts[index] = 0;
    }
  }
}
