import { MAX_STREAM_ID } from "./frame.ts";
import type { Stream } from "./stream.ts";

/** How many streams that were reset here are remembered. */
const MAX_REMEMBERED_RESETS = 256;

/** The streams of a connection, by their identifiers (RFC 9113, 5.1.1). A client's are odd, a server's even. */
export class Streams {
  /** Those that are open, but for the newest. */
  readonly #older = new Map<number, Stream>();
  /** The stream that was opened last, while it is open: most are over before there is another. */
  #newest: Stream | undefined;
  /** The highest that the peer has opened. */
  lastOfPeer = 0;
  #nextOwn: number;
  /** Streams that were reset here: what their peer had already sent is no error of its (5.1, "closed"). */
  readonly #resetHere = new Set<number>();
  /** The highest of those that are no longer remembered: at or below it, a peer is given the benefit of the doubt. */
  #forgotten = 0;

  constructor(isServer: boolean) {
    this.#nextOwn = isServer ? 2 : 1;
  }

  get size(): number {
    return this.#older.size + (this.#newest === undefined ? 0 : 1);
  }

  /** Those that are open now; whoever walks them may close them. */
  values(): readonly Stream[] {
    return this.#newest === undefined ? [...this.#older.values()] : [...this.#older.values(), this.#newest];
  }

  get(id: number): Stream | undefined {
    return this.#newest !== undefined && this.#newest.id === id ? this.#newest : this.#older.get(id);
  }

  /** The identifier of our next stream; undefined when they are used up. */
  nextOwnId(): number | undefined {
    const id = this.#nextOwn;
    if (id > MAX_STREAM_ID) {
      return undefined;
    }
    this.#nextOwn += 2;
    return id;
  }

  add(stream: Stream): void {
    if (this.#newest !== undefined) {
      this.#older.set(this.#newest.id, this.#newest);
    }
    this.#newest = stream;
  }

  remove(stream: Stream): void {
    if (this.#newest === stream) {
      this.#newest = undefined;
    } else {
      this.#older.delete(stream.id);
    }
  }

  /** Whether a stream was never opened: nothing but HEADERS and PRIORITY may stand on it. */
  isIdle(id: number): boolean {
    return id % 2 === this.#nextOwn % 2 ? id >= this.#nextOwn : id > this.lastOfPeer;
  }

  rememberReset(id: number): void {
    this.#resetHere.add(id);
    if (this.#resetHere.size > MAX_REMEMBERED_RESETS) {
      for (const oldest of this.#resetHere) {
        this.#resetHere.delete(oldest);
        this.#forgotten = Math.max(this.#forgotten, oldest);
        break;
      }
    }
  }

  wasResetHere(id: number): boolean {
    return id <= this.#forgotten || this.#resetHere.has(id);
  }
}
