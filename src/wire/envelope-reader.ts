import { Code, ConnectError } from "@connectrpc/connect";
import { ENVELOPE_BYTES } from "./envelope.ts";

const NOTHING = new Uint8Array(0);
/** Room for an envelope that does not come in one piece, at first: what it only promises to be is not believed. */
const FIRST_BUFFER_BYTES = 1024;

/** Splits a body into its envelopes, wherever it is cut. */
export class EnvelopeReader {
  readonly #maxBytes: number;
  /** Of the envelope that {@link take} has found. */
  flags = 0;
  /** Of the envelope that {@link take} has found; may be a part of what was pushed. */
  message: Uint8Array = NOTHING;
  #source: Uint8Array = NOTHING;
  #at = 0;
  /** An envelope that did not come in one piece, as far as it has come. */
  #gathered: Uint8Array = NOTHING;
  #gatheredBytes = 0;
  #usedBytes = 0;

  /** @param maxBytes the longest message */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The body may not end here. A prefix alone counts for nothing, as with Connect. */
  get isIncomplete(): boolean {
    return this.#gatheredBytes > 0 && this.#gatheredBytes !== ENVELOPE_BYTES;
  }

  /** What is kept of an envelope that has not come whole, in bytes. */
  get keptBytes(): number {
    return this.#gathered.length;
  }

  /** Gives what comes next, once {@link take} has returned false. */
  push(bytes: Uint8Array): void {
    this.#source = bytes;
    this.#at = 0;
  }

  /**
   * Finds the next envelope.
   *
   * @returns false where more has to be pushed
   * @throws ConnectError resource_exhausted where the message is too large, as soon as it says so
   */
  take(): boolean {
    const source = this.#source;
    const at = this.#at;
    const left = source.length - at;
    if (this.#gatheredBytes === 0 && left >= ENVELOPE_BYTES) {
      const end = at + ENVELOPE_BYTES + this.#lengthIn(source, at);
      if (end <= source.length) {
        this.flags = source[at] ?? 0;
        this.message = source.subarray(at + ENVELOPE_BYTES, end);
        this.#use(end - at);
        return true;
      }
    }
    return left > 0 && this.#gather();
  }

  /** How much was used of what was pushed since this was asked last. */
  takeUsedBytes(): number {
    const bytes = this.#usedBytes;
    this.#usedBytes = 0;
    return bytes;
  }

  /** Takes back what was pushed and not used. */
  takeRest(): Uint8Array {
    const rest = this.#source.subarray(this.#at);
    this.#source = NOTHING;
    this.#at = 0;
    return rest;
  }

  #gather(): boolean {
    this.#fill(ENVELOPE_BYTES);
    if (this.#gatheredBytes < ENVELOPE_BYTES) {
      return false;
    }
    const wanted = ENVELOPE_BYTES + this.#lengthIn(this.#gathered, 0);
    this.#fill(wanted);
    if (this.#gatheredBytes < wanted) {
      return false;
    }
    this.flags = this.#gathered[0] ?? 0;
    this.message = this.#gathered.subarray(ENVELOPE_BYTES, wanted);
    this.#gathered = NOTHING;
    this.#gatheredBytes = 0;
    return true;
  }

  /** Moves of what was pushed as much as is missing of `wanted` bytes. */
  #fill(wanted: number): void {
    const missing = wanted - this.#gatheredBytes;
    if (missing <= 0) {
      return;
    }
    const part = this.#source.subarray(this.#at, this.#at + missing);
    const bytes = this.#gatheredBytes + part.length;
    if (bytes > this.#gathered.length) {
      const room = Math.max(bytes, Math.min(wanted, Math.max(2 * this.#gathered.length, FIRST_BUFFER_BYTES)));
      const larger = new Uint8Array(room);
      larger.set(this.#gathered.subarray(0, this.#gatheredBytes));
      this.#gathered = larger;
    }
    this.#gathered.set(part, this.#gatheredBytes);
    this.#gatheredBytes = bytes;
    this.#use(part.length);
  }

  #use(bytes: number): void {
    this.#at += bytes;
    this.#usedBytes += bytes;
    if (this.#at === this.#source.length) {
      this.#source = NOTHING;
      this.#at = 0;
    }
  }

  #lengthIn(bytes: Uint8Array, at: number): number {
    const length =
      (((bytes[at + 1] ?? 0) << 24) |
        ((bytes[at + 2] ?? 0) << 16) |
        ((bytes[at + 3] ?? 0) << 8) |
        (bytes[at + 4] ?? 0)) >>>
      0;
    if (length > this.#maxBytes) {
      throw tooLarge(length, this.#maxBytes);
    }
    return length;
  }
}

/** With Connect's words. */
export function tooLarge(bytes: number, maxBytes: number): ConnectError {
  const message = `message size ${bytes} is larger than configured readMaxBytes ${maxBytes}`;
  return new ConnectError(message, Code.ResourceExhausted);
}

/** A body that ends within an envelope, with Connect's words. */
export function incompleteEnvelope(): ConnectError {
  return new ConnectError("protocol error: incomplete envelope", Code.InvalidArgument);
}
