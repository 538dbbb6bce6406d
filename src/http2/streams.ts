import { MAX_STREAM_ID } from "./frame.ts";
import type { Stream } from "./stream.ts";

/** How many streams that were reset here are remembered. */
const MAX_REMEMBERED_RESETS = 256;

/** The streams of a connection, by their identifiers (RFC 9113, 5.1.1). A client's are odd, a server's even. */
export class Streams {
  readonly #open = new Map<number, Stream>();
  /** The stream that was last asked for: most frames follow one of the same stream. */
  #recent: Stream | undefined;
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
    return this.#open.size;
  }

  values(): Iterable<Stream> {
    return this.#open.values();
  }

  get(id: number): Stream | undefined {
    if (this.#recent?.id !== id) {
      this.#recent = this.#open.get(id);
    }
    return this.#recent;
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
    this.#open.set(stream.id, stream);
    this.#recent = stream;
  }

  remove(stream: Stream): void {
    this.#open.delete(stream.id);
    if (this.#recent === stream) {
      this.#recent = undefined;
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
