import { ConnectionError, ErrorCode } from "./error-code.ts";

// What a peer may do that costs us work and brings nobody anything (RFC 9113, 10.5). Every such frame costs one of an
// allowance; time and useful work earn it back. A peer that has none left is told to calm down.

/** How much a peer may have at once, and what time gives back. */
interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

/** Streams that end before their time: reset by the peer, or by us for what the peer did to them. */
const RESETS: Rate = { burst: 512, perSecond: 64 };
/** Frames that carry nothing: SETTINGS, PING, PRIORITY, WINDOW_UPDATE, unknown and empty ones. */
const CONTROL: Rate = { burst: 1024, perSecond: 100 };
/** What a DATA frame that we send may be answered with: an update for its stream, one for the connection, and a PING. */
const EARNED_BY_DATA = 3;
/** Readers that take a body in small parts may answer each of these with as much: Go's clients, for 4 KiB. */
const PART_BYTES = 1024;
/** Frames that were cut short by a small window earn by their bytes: whoever opens one byte at a time earns nearly none. */
const EARNING_BYTES = 64;
/** A DATA frame of fewer bytes is no message of any protocol, whose shortest is an envelope of five. */
export const LEAST_DATA_BYTES = 5;

class Allowance {
  readonly #rate: Rate;
  #left: number;

  constructor(rate: Rate) {
    this.#rate = rate;
    this.#left = rate.burst;
  }

  spend(): boolean {
    return --this.#left >= 0;
  }

  earn(amount: number): void {
    this.#left = Math.min(this.#rate.burst, this.#left + amount);
  }

  refill(elapsedMs: number): void {
    this.earn((this.#rate.perSecond * elapsedMs) / 1000);
  }
}

/** Watches one peer. */
export class AbuseGuard {
  readonly #resets = new Allowance(RESETS);
  readonly #control = new Allowance(CONTROL);

  /** @throws ConnectionError ENHANCE_YOUR_CALM */
  onReset(): void {
    if (!this.#resets.spend()) {
      throw new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, "too many streams were reset");
    }
  }

  /** @throws ConnectionError ENHANCE_YOUR_CALM */
  onControlFrame(): void {
    if (!this.#control.spend()) {
      throw new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, "too many frames carry nothing");
    }
  }

  /** A stream ended as it should. */
  onStreamDone(): void {
    this.#resets.earn(1);
    this.#control.earn(2);
  }

  /** We have sent DATA; `isCutShort` where the peer's window allowed no more. */
  onDataSent(bytes: number, isCutShort: boolean): void {
    const earned = isCutShort ? bytes / EARNING_BYTES : Math.max(EARNED_BY_DATA, bytes / PART_BYTES);
    this.#control.earn(earned);
  }

  /** The peer has sent DATA of some use. */
  onDataReceived(bytes: number): void {
    if (bytes >= EARNING_BYTES) {
      this.#control.earn(1);
    }
  }

  refill(elapsedMs: number): void {
    this.#resets.refill(elapsedMs);
    this.#control.refill(elapsedMs);
  }
}
