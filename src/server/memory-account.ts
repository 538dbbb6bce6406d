/**
 * What the connections of a port hold for their peers, in bytes: answers that are not read, and messages that are not
 * whole. Where all together hold more than they may, the one that holds most gives way, so that nobody can take the others
 * their room.
 */
export class MemoryAccount<Holder> {
  readonly #limitBytes: number;
  readonly #end: (holder: Holder) => void;
  readonly #held = new Map<Holder, number>();
  #total = 0;

  /** @param end ends a holder, which then gives back what it holds */
  constructor(limitBytes: number, end: (holder: Holder) => void) {
    this.#limitBytes = limitBytes;
    this.#end = end;
  }

  get total(): number {
    return this.#total;
  }

  /** A holder holds more, or less where `bytes` are negative; it may be ended before this returns. */
  add(holder: Holder, bytes: number): void {
    this.#add(holder, bytes);
    if (bytes > 0 && this.#total > this.#limitBytes) {
      this.#end(this.#largest(holder));
    }
  }

  /** Whether a holder may hold more, which then is counted. It may not where it would be the one to give way. */
  ask(holder: Holder, bytes: number): boolean {
    this.#add(holder, bytes);
    if (bytes <= 0 || this.#total <= this.#limitBytes) {
      return true;
    }
    const largest = this.#largest(holder);
    if (largest === holder) {
      this.#add(holder, -bytes);
      return false;
    }
    this.#end(largest);
    return true;
  }

  #add(holder: Holder, bytes: number): void {
    const held = (this.#held.get(holder) ?? 0) + bytes;
    this.#total += bytes;
    if (held === 0) {
      this.#held.delete(holder);
    } else {
      this.#held.set(holder, held);
    }
  }

  #largest(holder: Holder): Holder {
    let largest = holder;
    let most = this.#held.get(holder) ?? 0;
    for (const [other, bytes] of this.#held) {
      if (bytes > most) {
        largest = other;
        most = bytes;
      }
    }
    return largest;
  }
}

/** What is kept for one request of a holder's. */
export interface RequestMemory {
  /** Keeps `bytes` in all from now on. False where that may not be: what is kept stays as it was. */
  hold(bytes: number): boolean;
  /** The request is over: nothing is kept from now on. */
  release(): void;
}

export function requestMemory<Holder>(account: MemoryAccount<Holder>, holder: Holder): RequestMemory {
  let held = 0;
  let isOver = false;
  function hold(bytes: number): boolean {
    if (bytes === held) {
      return !isOver || bytes === 0; // nothing changes: most requests never keep anything
    }
    const isGranted = !isOver && account.ask(holder, bytes - held);
    held = isGranted ? bytes : held;
    return isGranted || bytes === 0;
  }
  return {
    hold,
    release() {
      hold(0);
      isOver = true;
    },
  };
}
