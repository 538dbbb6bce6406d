import { MAX_WINDOW_BYTES } from "./settings.ts";

// Flow control (RFC 9113, 5.2 and 6.9): each side grants the other a number of bytes of DATA, on each stream and on the
// connection as a whole, and grants more as it goes.

/** What the peer has granted to us. May be negative, when a changed setting takes back (6.9.2). */
export class SendWindow {
  available: number;

  constructor(available: number) {
    this.available = available;
  }

  /** Takes a grant of the peer's; false where the sum is above 2^31-1, which is a FLOW_CONTROL_ERROR (6.9.1). */
  grant(bytes: number): boolean {
    this.available += bytes;
    return this.available <= MAX_WINDOW_BYTES;
  }
}

/**
 * What we have granted to the peer. A grant is renewed only for what was consumed, so that no more than `size` bytes ever
 * wait here unread.
 */
export class ReceiveWindow {
  /** What the peer may have outstanding, in bytes. Growing it grants more with the next renewal. */
  size: number;
  /** What the peer may still send. */
  available: number;
  #unread = 0;

  constructor(size: number) {
    this.size = size;
    this.available = size;
  }

  /** What came and was not consumed, in bytes. */
  get unread(): number {
    return this.#unread;
  }

  /** Takes account of a frame's bytes; false where the peer had no grant for them, which is a FLOW_CONTROL_ERROR. */
  receive(bytes: number): boolean {
    this.available -= bytes;
    this.#unread += bytes;
    return this.available >= 0 || bytes === 0; // an empty frame needs no grant, and a changed setting may have taken back
  }

  /** Takes account of bytes that were consumed; returns the grant that is due, or 0 while it is too small to be worth a frame. */
  consume(bytes: number): number {
    this.#unread -= bytes;
    const due = this.size - this.available - this.#unread;
    if (due < this.size >> 1) {
      return 0;
    }
    this.available += due;
    return due;
  }

  /** A setting of ours changes what the peer may have outstanding (6.9.2). */
  resize(bytes: number): void {
    this.available += bytes - this.size;
    this.size = bytes;
  }
}

/** What one window may take of what is left: nobody has all of it. */
const BUDGET_SHARE = 1 / 4;

/** Memory that the windows of many connections may grow into, together. */
export class WindowBudget {
  #left: number;

  constructor(bytes: number) {
    this.#left = bytes;
  }

  /** Bytes that no window has taken. */
  get left(): number {
    return this.#left;
  }

  /** Takes memory, where that is no more than a share of what is left. */
  take(bytes: number): boolean {
    if (bytes > this.#left * BUDGET_SHARE) {
      return false;
    }
    this.#left -= bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.#left += bytes;
  }
}
