import { MAX_STREAM_ID } from "./frame.ts";
import type { Stream } from "./stream.ts";

/** How many streams that were reset here are remembered. */
const MAX_REMEMBERED_RESETS = 256;

/** Places for streams at first; there are twice as many whenever two want the same one. */
const FIRST_PLACES = 8;
const MAX_PLACES = 256;

/**
 * The streams of a connection, by their identifiers (RFC 9113, 5.1.1). A client's are odd, a server's even.
 *
 * Identifiers follow each other and most streams are over soon, so each has its place in a ring, which a call finds in
 * less time than in a Map.
 */
export class Streams {
  /** By half of the identifier, modulo the length, which is a power of two. */
  #places: (Stream | undefined)[] = places(FIRST_PLACES);
  /** Those that lost their place to a newer stream when there could be no more places. */
  readonly #displaced = new Map<number, Stream>();
  #size = 0;
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

  /** How many are open. */
  get size(): number {
    return this.#size;
  }

  /** Those that are open now; whoever walks them may close them. */
  values(): readonly Stream[] {
    return [...this.#displaced.values(), ...this.#places.filter((stream) => stream !== undefined)];
  }

  get(id: number): Stream | undefined {
    const stream = this.#at(id);
    if (stream !== undefined && stream.id === id) {
      return stream;
    }
    return this.#displaced.size === 0 ? undefined : this.#displaced.get(id);
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
    this.#size++;
    for (let other = this.#at(stream.id); other !== undefined; other = this.#at(stream.id)) {
      this.#makePlace(other);
    }
    this.#places[this.#placeOf(stream.id)] = stream;
  }

  remove(stream: Stream): void {
    if (this.#at(stream.id) === stream) {
      this.#places[this.#placeOf(stream.id)] = undefined;
      this.#size--;
    } else if (this.#displaced.delete(stream.id)) {
      this.#size--;
    }
  }

  #placeOf(id: number): number {
    return (id >>> 1) & (this.#places.length - 1);
  }

  /** What is in the place of an identifier. */
  #at(id: number): Stream | undefined {
    return this.#places[this.#placeOf(id)];
  }

  /** Makes more places, or takes `stream` from its own. */
  #makePlace(stream: Stream): void {
    if (this.#places.length === MAX_PLACES) {
      this.#places[this.#placeOf(stream.id)] = undefined;
      this.#displaced.set(stream.id, stream);
      return;
    }
    const open = this.#places;
    this.#places = places(open.length * 2);
    for (const other of open) {
      if (other !== undefined) {
        this.#places[this.#placeOf(other.id)] = other;
      }
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

function places(count: number): (Stream | undefined)[] {
  return new Array<Stream | undefined>(count).fill(undefined);
}
