/** What can be on one roster at a time. */
export interface Listed {
  /** Where it stands; the roster's to write. -1 while it is on none. */
  place: number;
}

/**
 * Those that are under way, in no order. Not a Set: V8 makes a new table for one whenever half of it was taken out, and the
 * old ones, which still hold what they held, keep the objects of calls that are over alive until the next full collection.
 */
export class Roster<T extends Listed> {
  readonly #listed: T[] = [];

  get size(): number {
    return this.#listed.length;
  }

  add(item: T): void {
    item.place = this.#listed.length;
    this.#listed.push(item);
  }

  /** Takes one out that may have been taken out already. */
  remove(item: T): void {
    const { place } = item;
    if (place === -1) {
      return;
    }
    item.place = -1;
    const last = this.#listed.pop();
    if (last !== undefined && last !== item) {
      this.#listed[place] = last;
      last.place = place;
    }
  }

  /** Those that are on it now; whoever walks them may take them out. */
  values(): readonly T[] {
    return [...this.#listed];
  }
}
