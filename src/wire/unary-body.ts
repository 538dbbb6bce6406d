import type { CallPlan } from "./call-plan.ts";
import { refuseBomb } from "./compression.ts";
import { COMPRESSED_FLAG, ENVELOPE_BYTES } from "./envelope.ts";
import type { BodyReceiver, Exchange } from "./exchange.ts";
import { Gathered } from "./gather.ts";

const NOTHING = new Uint8Array(0);

/** What becomes of a unary request's body. Nothing here may throw. */
export interface UnaryBodyOwner {
  /**
   * It has come whole, and is no longer accounted for: who needs it longer than this call does that anew. It may be a part of
   * what was read from a socket.
   */
  onBody(body: Uint8Array): void;
  /** It is not as it should be: `body` is what has come of it, which is too much. */
  onUnreadable(body: Uint8Array): void;
  /** It cannot be read to its end. */
  onRefused(error: unknown): void;
  /** The exchange is over. */
  onClose(): void;
}

/** Puts the body of a unary request together. Where it comes in one part, as most do, nothing is copied. */
export class UnaryBody implements BodyReceiver {
  readonly #exchange: Exchange;
  readonly #plan: CallPlan;
  readonly #readMaxBytes: number;
  readonly #owner: UnaryBodyOwner;
  #only: Uint8Array | undefined;
  #gathered: Gathered | undefined;
  #isOver = false;
  /** The beginning of a compressed message is looked at; what comes meanwhile is not acknowledged. */
  #isLooking = false;
  #unacknowledgedBytes = 0;

  constructor(exchange: Exchange, plan: CallPlan, readMaxBytes: number, owner: UnaryBodyOwner) {
    this.#exchange = exchange;
    this.#plan = plan;
    this.#readMaxBytes = readMaxBytes;
    this.#owner = owner;
  }

  onData(bytes: Uint8Array, isLast: boolean): void {
    if (this.#isLooking) {
      this.#unacknowledgedBytes += bytes.length; // no more comes than a window until it is known to be no bomb
    } else {
      this.#exchange.consumed(bytes.length);
    }
    if (this.#isOver) {
      return;
    }
    if (isLast && this.#gathered === undefined) {
      this.#only = bytes;
      return;
    }
    try {
      this.#gather(bytes);
    } catch (error) {
      this.#refuse(error);
    }
  }

  onEnd(): void {
    if (this.#isOver) {
      return;
    }
    const body = this.#only ?? this.#gathered?.bytes() ?? NOTHING;
    this.stop();
    if (body.length > this.#maxBytes) {
      this.#owner.onUnreadable(body);
    } else {
      this.#owner.onBody(body);
    }
  }

  onRoom(): void {
    // a whole answer is queued at once
  }

  onClose(): void {
    this.stop();
    this.#owner.onClose();
  }

  /** Nobody wants it any more. */
  stop(): void {
    this.#isOver = true;
    this.#only = undefined;
    if (this.#gathered !== undefined) {
      this.#gathered = undefined;
      this.#exchange.hold(0);
    }
  }

  get #maxBytes(): number {
    return this.#readMaxBytes + (this.#plan.isEnveloped ? ENVELOPE_BYTES : 0);
  }

  #gather(bytes: Uint8Array): void {
    if (this.#gathered === undefined) {
      this.#gathered = new Gathered(bytes, (held) => this.#exchange.hold(held));
    } else {
      this.#gathered.add(bytes, this.#maxBytes + bytes.length);
    }
    const gathered = this.#gathered;
    if (gathered.length > this.#maxBytes) {
      this.stop();
      this.#owner.onUnreadable(gathered.bytes());
    } else if (this.#plan.requestCompression !== undefined && gathered.isDueToBeLookedAt()) {
      this.#look(this.#plan.requestCompression.name, gathered);
    }
  }

  /** A bomb need not come whole. */
  #look(encoding: string, gathered: Gathered): void {
    const { isEnveloped } = this.#plan;
    const [flags = 0] = gathered.beginning();
    if (!isEnveloped || (flags & COMPRESSED_FLAG) !== 0) {
      const beginning = gathered.bytes().subarray(isEnveloped ? ENVELOPE_BYTES : 0);
      this.#isLooking = true;
      refuseBomb(encoding, beginning, this.#readMaxBytes)
        .catch((error: unknown) => this.#refuse(error))
        .finally(() => {
          this.#isLooking = false;
          this.#exchange.consumed(this.#unacknowledgedBytes);
        });
    }
  }

  #refuse(error: unknown): void {
    if (!this.#isOver) {
      this.stop();
      this.#owner.onRefused(error);
    }
  }
}
