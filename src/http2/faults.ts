/** How many kinds are told apart. */
const MAX_KINDS = 20;

/** What a peer did wrong, by kind, and how often. */
export class Faults {
  readonly #counts = new Map<string, number>();

  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  count(kind: string): void {
    if (this.#counts.size < MAX_KINDS || this.#counts.has(kind)) {
      this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
    }
  }
}
