import type { Random } from "./random.ts";

/** One direction of a link: what is sent arrives in order, later, and in other pieces. */
export class Pipe {
  readonly #random: Random;
  readonly #delayMs: number;
  readonly #waiting: { readonly at: number; readonly bytes: Buffer }[] = [];
  #stalledUntil = 0;
  #isCut = false;

  constructor(random: Random, delayMs: number) {
    this.#random = random;
    this.#delayMs = delayMs;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  send(bytes: Buffer, now: number): void {
    if (!this.#isCut && bytes.length > 0) {
      this.#waiting.push({ at: now + this.#random.next() * this.#delayMs, bytes });
    }
  }

  stall(until: number): void {
    this.#stalledUntil = until;
  }

  /** What is under way never arrives. */
  cut(): void {
    this.#isCut = true;
    this.#waiting.length = 0;
  }

  /** What arrives by `now`, in pieces as no sender has cut them. */
  arrivals(now: number): readonly Buffer[] {
    const due: Buffer[] = [];
    while (now >= this.#stalledUntil && this.#waiting[0] !== undefined && this.#waiting[0].at <= now) {
      due.push((this.#waiting.shift() as { readonly bytes: Buffer }).bytes); // there is one: the loop's condition
    }
    return due.length === 0 ? [] : this.#split(Buffer.concat(due));
  }

  #split(bytes: Buffer): readonly Buffer[] {
    const random = this.#random;
    const longest = random.pick([bytes.length, bytes.length, 4096, 100, 10]);
    if (bytes.length > longest * 400) {
      return [bytes];
    }
    const pieces: Buffer[] = [];
    for (let at = 0; at < bytes.length; ) {
      const end = Math.min(bytes.length, at + random.between(1, longest));
      pieces.push(Buffer.from(bytes.subarray(at, end))); // of its own: as a socket's chunks are
      at = end;
    }
    return pieces;
  }
}
