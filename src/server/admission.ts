import { currentTurn } from "../sockets/end-of-turn.ts";
import type { Http2Request } from "./http2-request.ts";

/** Requests of one connection that are begun in one turn: what the first of them answer is seen before there are more. */
const PER_TURN = 16;
/** Requests that a peer may have unanswered while it grants no window at all for their answers. */
const WITHOUT_WINDOW = 4;

/** What is read of a connection. */
interface PeerWindows {
  /** What answers have waiting for the peer's windows, in bytes. */
  readonly pendingBytes: number;
  /** The peer grants no window at all. */
  readonly isShut: boolean;
}

/**
 * Holds a connection's requests back while its peer does not take the answers to those before: answers that wait are
 * memory, and whoever asks for more of them than it reads gets no more. An honest peer reads, and hardly notices.
 */
export class Admission {
  readonly #connection: PeerWindows;
  readonly #maxPendingBytes: number;
  readonly #unanswered: () => number;
  readonly #dispatch: (request: Http2Request) => void;
  /** Those that wait, in order. */
  readonly #held = new Set<Http2Request>();
  #turn = -1;
  #inTurn = 0;
  #isScheduled = false;

  /** @param unanswered counts the requests that have no head of an answer */
  constructor(
    connection: PeerWindows,
    maxPendingBytes: number,
    unanswered: () => number,
    dispatch: (request: Http2Request) => void,
  ) {
    this.#connection = connection;
    this.#maxPendingBytes = maxPendingBytes;
    this.#unanswered = unanswered;
    this.#dispatch = dispatch;
  }

  /** Has a request answered, now or when its turn has come. */
  admit(request: Http2Request): void {
    if (this.#held.size === 0 && this.#isOpen()) {
      this.#dispatch(request);
    } else {
      this.#held.add(request);
      this.#schedule();
    }
  }

  /** A request is over, answered or not. */
  leave(request: Http2Request): void {
    this.#held.delete(request);
    this.check();
  }

  /** To be called when the peer may have taken something. */
  check(): void {
    for (const request of this.#held) {
      if (!this.#isOpen()) {
        break;
      }
      this.#held.delete(request);
      this.#dispatch(request);
    }
    if (this.#held.size > 0 && this.#inTurn >= PER_TURN) {
      this.#schedule();
    }
  }

  #isOpen(): boolean {
    const turn = currentTurn();
    if (turn !== this.#turn) {
      this.#turn = turn;
      this.#inTurn = 0;
    }
    const { pendingBytes, isShut } = this.#connection;
    if (this.#inTurn >= PER_TURN || pendingBytes > this.#maxPendingBytes) {
      return false;
    }
    if (isShut && (pendingBytes > 0 || this.#unanswered() > WITHOUT_WINDOW)) {
      return false;
    }
    this.#inTurn++;
    return true;
  }

  #schedule(): void {
    if (!this.#isScheduled) {
      this.#isScheduled = true;
      setImmediate(() => {
        this.#isScheduled = false;
        this.#turn = -1;
        this.check();
      });
    }
  }
}
