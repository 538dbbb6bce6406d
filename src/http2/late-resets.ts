/** How many streams may be waited for; further ones are reset at once. */
const MAX_AWAITED = 128;
/** What is waited for of a body: as much as its peer may send without leave (RFC 9113, 6.9.2). */
const MAX_REST_BYTES = 65_535;

/**
 * Streams of a server that were answered while the rest of a small body was on its way. A reset right behind the answer, though
 * in order (RFC 9113, 8.1), has some clients take the answer for lost (curl before 8), so they get a second or two to end
 * their side by themselves.
 */
export class LateResets {
  /** Since the last tick, and since the one before. */
  #fresh = new Set<number>();
  #waited = new Set<number>();

  /**
   * A stream is answered early, with so much of its body to come as it has told; undefined where it has told nothing.
   *
   * @returns false where it is to be reset at once
   */
  add(streamId: number, restBytes: number | undefined): boolean {
    const isWaitedFor =
      restBytes !== undefined && restBytes <= MAX_REST_BYTES && this.#fresh.size + this.#waited.size < MAX_AWAITED;
    if (isWaitedFor) {
      this.#fresh.add(streamId);
    }
    return isWaitedFor;
  }

  /** The peer has ended the stream. */
  settle(streamId: number): void {
    if (this.#fresh.size + this.#waited.size > 0) {
      this.#fresh.delete(streamId);
      this.#waited.delete(streamId);
    }
  }

  /** Those that are to be reset now; to be called about once a second. */
  takeDue(): ReadonlySet<number> {
    const due = this.#waited;
    this.#waited = this.#fresh;
    this.#fresh = new Set();
    return due;
  }

  /** All that are waited for: the connection ends. */
  takeAll(): ReadonlySet<number> {
    const all = new Set([...this.#fresh, ...this.#waited]);
    this.#fresh.clear();
    this.#waited.clear();
    return all;
  }
}
