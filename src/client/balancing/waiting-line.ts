/** What can wait in one line at a time. */
export interface Waiting {
  /** Where it waits; the line's to write. -1 while it waits in none. */
  place: number;
}

const FIRST_PLACES = 16;

/**
 * Those that wait, first come, first served; any may leave. Not a Set: V8 makes a new table for one whenever half of it was
 * taken out, and the old ones, which still hold what they held, keep calls that are over alive until the next full
 * collection. Here a place that was left holds nothing.
 */
export class WaitingLine<T extends Waiting> {
  /** A ring, whose length is a power of two. */
  #places = places<T>(FIRST_PLACES);
  /** Places are counted without end, from the first that somebody may wait in to the one behind the last. */
  #first = 0;
  #next = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(item: T): void {
    if (this.#next - this.#first === this.#places.length) {
      this.#closeUp();
    }
    item.place = this.#next++;
    this.#places[this.#indexOf(item.place)] = item;
    this.#size++;
  }

  /** Takes one out that may have been taken out already. */
  remove(item: T): void {
    if (item.place !== -1) {
      this.#places[this.#indexOf(item.place)] = undefined;
      item.place = -1;
      this.#size--;
    }
  }

  /** Takes out whoever has waited longest. */
  take(): T | undefined {
    while (this.#first < this.#next) {
      const item = this.#places[this.#indexOf(this.#first++)];
      if (item !== undefined) {
        this.remove(item);
        return item;
      }
    }
    return undefined;
  }

  #indexOf(place: number): number {
    return place & (this.#places.length - 1);
  }

  /** Fills the places that were left; makes more where that is not enough. */
  #closeUp(): void {
    const waiting: T[] = [];
    for (let item = this.take(); item !== undefined; item = this.take()) {
      waiting.push(item);
    }
    if (waiting.length > this.#places.length / 2) {
      this.#places = places(this.#places.length * 2);
    }
    this.#first = 0;
    this.#next = 0;
    for (const item of waiting) {
      this.add(item);
    }
  }
}

function places<T>(count: number): (T | undefined)[] {
  return new Array<T | undefined>(count).fill(undefined);
}
