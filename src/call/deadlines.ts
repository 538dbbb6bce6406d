// Not the global one: who fakes timers for a while would stop ours for good.
import { setImmediate } from "node:timers";
import type { Clock, Timer } from "./clock.ts";

/** What has a deadline. */
export interface Expiring {
  /** Called once, at the deadline; must not throw. */
  expire(): void;
}

/** A deadline that may be taken back. */
export interface Deadline {
  cancel(): void;
}

/**
 * The deadlines of a clock. Most calls are over before the turn of the event loop in which they began is: so the deadlines
 * of a turn share a timer, which is set behind the turn for what is left of them.
 */
export class Deadlines {
  readonly #clock: Clock;
  #turn: Turn | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param at the clock's time, in milliseconds */
  add(expiring: Expiring, at: number): Deadline {
    if (this.#turn === undefined) {
      const turn = new Turn(this.#clock);
      this.#turn = turn;
      setImmediate(() => {
        this.#turn = undefined;
        turn.arm();
      });
    }
    return this.#turn.add(expiring, at);
  }
}

const known = new WeakMap<Clock, Deadlines>();

/** The deadlines that all who use a clock share. */
export function deadlinesOf(clock: Clock): Deadlines {
  const present = known.get(clock);
  if (present !== undefined) {
    return present;
  }
  const deadlines = new Deadlines(clock);
  known.set(clock, deadlines);
  return deadlines;
}

/** The deadlines that were set in one turn. */
class Turn {
  readonly #clock: Clock;
  #entries: Entry[] = [];
  #left = 0;
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(expiring: Expiring, at: number): Deadline {
    const entry = new Entry(this, expiring, at);
    this.#entries.push(entry);
    this.#left++;
    return entry;
  }

  leave(): void {
    this.#left--;
    if (this.#left === 0) {
      this.#entries = [];
      this.#timer?.cancel();
    }
  }

  /** Sets the timer for the earliest that is left. */
  arm(): void {
    if (this.#left === 0) {
      return;
    }
    this.#entries = this.#entries.filter(({ expiring }) => expiring !== undefined);
    let earliest = Number.POSITIVE_INFINITY;
    for (const { at } of this.#entries) {
      earliest = Math.min(earliest, at);
    }
    this.#timer = this.#clock.schedule(earliest - this.#clock.now(), () => this.#fire());
  }

  #fire(): void {
    const now = this.#clock.now();
    try {
      for (const entry of this.#entries) {
        if (entry.at <= now) {
          const { expiring } = entry;
          entry.cancel();
          expiring?.expire();
        }
      }
    } finally {
      this.arm(); // one that throws, though it must not, takes no others their time
    }
  }
}

class Entry implements Deadline {
  readonly at: number;
  readonly #turn: Turn;
  /** Undefined once it has passed, or was taken back. */
  expiring: Expiring | undefined;

  constructor(turn: Turn, expiring: Expiring, at: number) {
    this.#turn = turn;
    this.expiring = expiring;
    this.at = at;
  }

  cancel(): void {
    if (this.expiring !== undefined) {
      this.expiring = undefined;
      this.#turn.leave();
    }
  }
}
