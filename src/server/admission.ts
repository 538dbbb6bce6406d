import { ErrorCode, type Stream } from "../http2/index.ts";
import { currentTurn } from "../sockets/end-of-turn.ts";

/** Requests of one connection that are begun in one turn: what the first of them answer is seen before there are more. */
const PER_TURN = 16;
/** Requests that may be under way without a head of an answer, and answers stuck, while the peer grants them no window. */
const WITHOUT_WINDOW = 1;
/** Answers that may be stuck however much of them waits: a few slow readers must not hold up the others. */
const STUCK_ANSWERS = 4;
/** How long a request is held, in milliseconds; it is refused then, and its caller may send it again elsewhere. */
const HOLD_MS = 5000;

/** What is read of a connection. */
interface PeerWindows {
  readonly isOver: boolean;
  /** What answers have waiting for the peer's windows, in bytes. */
  readonly pendingBytes: number;
  /** How many answers these are. */
  readonly stuckStreams: number;
  /** Whether the peer grants a window for what is answered on this stream. */
  hasRoomFor(stream: Stream): boolean;
}

/** What is read of a request. */
export interface Admittee {
  readonly stream: Stream;
  /** It was admitted; the admission's to write. */
  isBegun: boolean;
  /** The head of its answer is out. */
  readonly isAnswered: boolean;
}

/**
 * Holds a connection's requests back while its peer does not take the answers to those before: answers that wait are
 * memory, and whoever asks for more of them than it reads gets no more. An honest peer reads, and hardly notices. What was
 * held for too long is refused, never having been processed.
 */
export class Admission<R extends Admittee> {
  readonly #connection: PeerWindows;
  readonly #underWay: () => readonly R[];
  readonly #maxPendingBytes: number;
  readonly #dispatch: (request: R) => void;
  /** Those that wait, in order, and since when. */
  readonly #held = new Map<R, number>();
  #now: number;
  #turn = -1;
  #inTurn = 0;
  #isScheduled = false;

  /**
   * @param underWay the requests of the connection, admitted or not
   * @param now milliseconds of the clock of {@link tick}
   */
  constructor(
    connection: PeerWindows,
    underWay: () => readonly R[],
    maxPendingBytes: number,
    now: number,
    dispatch: (request: R) => void,
  ) {
    this.#connection = connection;
    this.#underWay = underWay;
    this.#maxPendingBytes = maxPendingBytes;
    this.#now = now;
    this.#dispatch = dispatch;
  }

  /** Has a request answered, now or when its turn has come. */
  admit(request: R): void {
    if (this.#held.size === 0 && this.#mayBegin(request)) {
      this.#begin(request);
    } else {
      this.#held.set(request, this.#now);
      this.#schedule();
    }
  }

  /** A request is over, answered or not. */
  leave(request: R): void {
    if (this.#held.size > 0) {
      this.#held.delete(request);
      this.check();
    }
  }

  /** To be called when the peer may have taken something, or granted more. */
  check(): void {
    if (this.#held.size === 0) {
      return;
    }
    for (const request of this.#held.keys()) {
      if (this.#mayBegin(request)) {
        this.#held.delete(request);
        this.#begin(request);
      }
    }
    if (this.#held.size > 0 && this.#inTurn >= PER_TURN) {
      this.#schedule();
    }
  }

  /** Lets time pass, about once a second. */
  tick(now: number): void {
    this.#now = now;
    for (const [request, since] of this.#held) {
      if (now - since > HOLD_MS) {
        request.stream.reset(ErrorCode.REFUSED_STREAM);
      }
    }
  }

  #begin(request: R): void {
    this.#inTurn++;
    request.isBegun = true;
    this.#dispatch(request);
  }

  #mayBegin({ stream }: R): boolean {
    const turn = currentTurn();
    if (turn !== this.#turn) {
      this.#turn = turn;
      this.#inTurn = 0;
    }
    const { isOver, pendingBytes, stuckStreams } = this.#connection;
    if (isOver || this.#inTurn >= PER_TURN) {
      return false;
    }
    if (!this.#connection.hasRoomFor(stream)) {
      return stuckStreams < WITHOUT_WINDOW && this.#countUnanswered() < WITHOUT_WINDOW;
    }
    return stuckStreams < STUCK_ANSWERS || pendingBytes <= this.#maxPendingBytes;
  }

  #countUnanswered(): number {
    let count = 0;
    for (const { isBegun, isAnswered } of this.#underWay()) {
      count += isBegun && !isAnswered ? 1 : 0;
    }
    return count;
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
