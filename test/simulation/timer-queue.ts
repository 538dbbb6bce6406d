/** A timer that is set. */
export interface Entry {
  readonly at: number;
  /** Undefined once it has fired, or was cancelled. */
  callback: (() => void) | undefined;
}

interface Queued {
  readonly entry: Entry;
  /** Of two at one time the one that was set first is first. */
  readonly number: number;
}

/** Timers by their times: a binary heap, as there may be very many. */
export class TimerQueue {
  readonly #heap: Queued[] = [];
  #added = 0;

  add(entry: Entry): void {
    const heap = this.#heap;
    const queued = { entry, number: this.#added++ };
    let place = heap.length;
    while (place > 0) {
      const above = (place - 1) >>> 1;
      const parent = heap[above] as Queued; // within the heap
      if (!isBefore(queued, parent)) break;
      heap[place] = parent;
      place = above;
    }
    heap[place] = queued;
  }

  /** When the next fires; infinity where none does. */
  get nextAt(): number {
    while (this.#heap[0] !== undefined && this.#heap[0].entry.callback === undefined) this.#takeFirst();
    return this.#heap[0]?.entry.at ?? Number.POSITIVE_INFINITY;
  }

  /** Takes out all that are due by `now`, in order. */
  takeDue(now: number): readonly Entry[] {
    const due: Entry[] = [];
    while (this.nextAt <= now) due.push(this.#takeFirst());
    return due;
  }

  #takeFirst(): Entry {
    const heap = this.#heap;
    const [first] = heap as [Queued]; // it is not empty
    const last = heap.pop() as Queued;
    if (heap.length > 0) {
      let place = 0;
      for (let below = 1; below < heap.length; below = 2 * place + 1) {
        const right = heap[below + 1];
        if (right !== undefined && isBefore(right, heap[below] as Queued)) below++;
        const child = heap[below] as Queued;
        if (!isBefore(child, last)) break;
        heap[place] = child;
        place = below;
      }
      heap[place] = last;
    }
    return first.entry;
  }
}

function isBefore(one: Queued, other: Queued): boolean {
  return one.entry.at < other.entry.at || (one.entry.at === other.entry.at && one.number < other.number);
}
