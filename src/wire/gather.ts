import { Code, ConnectError } from "@connectrpc/connect";
import { COMPRESSED_FLAG, ENVELOPE_BYTES } from "./envelope.ts";

// Puts the body of an RPC together before Connect's transforms see it. Those keep every part that comes in a list, which
// they go through for each: a body that comes byte by byte would cost its square. They also set room aside for what a
// message only promises to be.

const FIRST_BUFFER_BYTES = 4 * 1024;

/** How much of a compressed message has come when its beginning is looked at. */
const LOOK_BYTES = 64 * 1024;

/** Looks at the beginning of a compressed message of which more is to come; rejects where it is to be refused. */
export type Look = (beginning: Uint8Array) => Promise<void>;

/** Accounts for what is kept: `bytes` in all. False where it may not be kept. */
export type Hold = (bytes: number) => boolean;

/**
 * Gives the body of a unary request over Connect in one piece, or as much of it as is larger than `maxBytes`, for Connect
 * to refuse.
 *
 * @throws ConnectError resource_exhausted where `hold` does not let it be kept
 */
export async function* gatherBody(
  body: AsyncIterable<Uint8Array>,
  maxBytes: number,
  hold: Hold,
  look?: Look,
): AsyncGenerator<Uint8Array, void, undefined> {
  let only: Uint8Array | undefined;
  let gathered: Gathered | undefined;
  try {
    for await (const chunk of body) {
      if (only === undefined) {
        only = chunk;
      } else {
        gathered ??= new Gathered(only, hold);
        gathered.add(chunk, maxBytes + chunk.length);
        if (look !== undefined && gathered.isDueToBeLookedAt()) {
          await look(gathered.bytes());
        }
      }
      if ((gathered?.length ?? only.length) > maxBytes) {
        break;
      }
    }
    const whole = gathered?.bytes() ?? only;
    if (whole !== undefined) {
      yield whole;
    }
  } finally {
    hold(0);
  }
}

/**
 * Gives a body of envelopes (a byte of flags, four of length, the message) in pieces that hold whole ones. What cannot be
 * whole, as it is larger than `maxBytes` or the body ends, is passed on as it is, for Connect to refuse.
 *
 * @throws ConnectError resource_exhausted where `hold` does not let a message be kept
 */
export async function* gatherEnvelopes(
  body: AsyncIterable<Uint8Array>,
  maxBytes: number,
  hold: Hold,
  look?: Look,
): AsyncGenerator<Uint8Array, void, undefined> {
  let gathered: Gathered | undefined;
  try {
    for await (const chunk of body) {
      let rest = chunk;
      while (gathered !== undefined && rest.length > 0) {
        const wanted = wantedBytes(gathered.beginning(), maxBytes) - gathered.length;
        gathered.add(rest.subarray(0, wanted), gathered.length + wanted);
        const [flags = 0] = gathered.beginning();
        if (look !== undefined && (flags & COMPRESSED_FLAG) !== 0 && gathered.isDueToBeLookedAt()) {
          await look(gathered.bytes().subarray(ENVELOPE_BYTES));
        }
        rest = rest.subarray(wanted);
        if (wantedBytes(gathered.beginning(), maxBytes) === gathered.length) {
          const whole = gathered.bytes();
          gathered = undefined;
          yield whole;
          hold(0); // whoever took it has inflated and read it
        }
      }
      const wholeBytes = bytesOfWhole(rest, maxBytes);
      if (wholeBytes > 0) {
        yield rest.subarray(0, wholeBytes);
      }
      if (wholeBytes < rest.length) {
        gathered = new Gathered(rest.subarray(wholeBytes), hold);
      }
    }
    if (gathered !== undefined) {
      yield gathered.bytes();
    }
  } finally {
    hold(0);
  }
}

/** Where the envelope that begins `bytes` ends, as far as they tell; one that is too large ends with its prefix. */
function wantedBytes(bytes: Uint8Array, maxBytes: number): number {
  if (bytes.length < ENVELOPE_BYTES) {
    return ENVELOPE_BYTES;
  }
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(1);
  return ENVELOPE_BYTES + (length > maxBytes ? 0 : length);
}

/** How many bytes at the beginning of `bytes` are whole envelopes. */
function bytesOfWhole(bytes: Uint8Array, maxBytes: number): number {
  let at = 0;
  while (at < bytes.length) {
    const next = at + wantedBytes(bytes.subarray(at, at + ENVELOPE_BYTES), maxBytes);
    if (next > bytes.length) {
      break;
    }
    at = next;
  }
  return at;
}

/**
 * Bytes that were put together from parts: many small ones cost no more than their bytes. They are kept in buffers that are
 * as large as all before them, so that none is copied until the end.
 */
export class Gathered {
  readonly #hold: Hold;
  readonly #full: Buffer[] = [];
  /** The buffer that is being filled, and how far it is. */
  #filling: Buffer;
  #filled = 0;
  #allocated = 0;
  #isLookedAt = false;
  length = 0;

  constructor(first: Uint8Array, hold: Hold) {
    this.#hold = hold;
    this.#filling = this.#allocate(Math.max(first.length, FIRST_BUFFER_BYTES));
    this.add(first, first.length);
  }

  /** @param most what there can be in the end, as far as is known: no more room is made than for that */
  add(bytes: Uint8Array, most: number): void {
    let rest = bytes;
    while (rest.length > 0) {
      const room = this.#filling.length - this.#filled;
      if (room === 0) {
        this.#full.push(this.#filling);
        this.#filling = this.#allocate(Math.max(rest.length, Math.min(most - this.length, this.#allocated)));
        this.#filled = 0;
        continue;
      }
      const part = rest.subarray(0, room);
      this.#filling.set(part, this.#filled);
      this.#filled += part.length;
      this.length += part.length;
      rest = rest.subarray(part.length);
    }
  }

  /** Whether enough has come for a look at it; once. */
  isDueToBeLookedAt(): boolean {
    const isDue = !this.#isLookedAt && this.length >= LOOK_BYTES;
    this.#isLookedAt ||= isDue;
    return isDue;
  }

  /** What has come first: at least an envelope's prefix, where that is there. */
  beginning(): Uint8Array {
    return this.#full[0] ?? this.#filling.subarray(0, this.#filled);
  }

  bytes(): Uint8Array {
    const last = this.#filling.subarray(0, this.#filled);
    return this.#full.length === 0 ? last : Buffer.concat([...this.#full, last], this.length);
  }

  #allocate(bytes: number): Buffer {
    this.#allocated += bytes;
    if (!this.#hold(this.#allocated)) {
      throw new ConnectError("the service holds as much of unfinished messages as it may", Code.ResourceExhausted);
    }
    return Buffer.allocUnsafeSlow(bytes);
  }
}
