import { Code, ConnectError } from "@connectrpc/connect";
import { getAbortSignalReason } from "@connectrpc/connect/protocol";
import type { ActiveCall } from "../../call/call.ts";
import type { Clock } from "../../call/clock.ts";
import { type Deadline, deadlinesOf, type Expiring } from "../../call/deadlines.ts";
import { brokenOff, isCancellation, onwardError } from "./onward-error.ts";
import { noTimeLeft, tookTooLong } from "./onward-limit.ts";
import type { Outcome, Story } from "./outcome.ts";

/** How the calls of a channel went. */
export interface CallCounts {
  started: number;
  succeeded: number;
  failed: number;
}

/** What can be ended before its time. */
export interface Cuttable {
  cut(reason: ConnectError): void;
}

/** What bounds the time of a call. */
export interface CallLimits {
  /** Milliseconds that it may take; undefined where nothing bounds it. */
  readonly limitMs: number | undefined;
  /** The limit is the caller's own time-out. */
  readonly isOwnLimit: boolean;
}

/**
 * A call of a channel from its beginning to its outcome, which is counted: until then its caller's signal, the call that it
 * is made for and its deadline cut it short.
 */
export class CallLife implements Expiring, Outcome {
  readonly startedAt: number;
  readonly clock: Clock;
  readonly #counts: CallCounts;
  readonly #url: string;
  readonly #signal: AbortSignal | undefined;
  readonly #call: ActiveCall | undefined;
  readonly #underWay: Cuttable;
  readonly #deadline: Deadline | undefined;
  /** By the clock. */
  readonly #deadlineAt: number = Number.POSITIVE_INFINITY;
  readonly #isOwnLimit: boolean;
  #cut: ConnectError | undefined;
  /** A signal has cut it short, and not the deadline. */
  #isSignalled = false;
  #error: ConnectError | undefined;
  #isOver = false;
  #isStreaming = false;

  /**
   * @param clock for a call that is made for no other, whose clock it would go by
   * @throws ConnectError where the call cannot begin any more; it is counted as failed
   */
  constructor(
    counts: CallCounts,
    url: string,
    clock: Clock,
    signal: AbortSignal | undefined,
    call: ActiveCall | undefined,
    limits: CallLimits,
    underWay: Cuttable,
  ) {
    this.#counts = counts;
    this.#url = url;
    this.clock = call?.clock ?? clock;
    this.#signal = signal;
    this.#call = call;
    this.#underWay = underWay;
    counts.started++;
    this.startedAt = this.now();
    this.#isOwnLimit = limits.isOwnLimit;
    const { limitMs } = limits;
    const aborted = signal?.aborted ? signal : call?.signal.aborted ? call.signal : undefined;
    if (aborted !== undefined) {
      this.#cut = this.#reasonFor(aborted);
      throw this.fail(this.#cut);
    }
    if (limitMs !== undefined) {
      if (limitMs <= 0) {
        throw this.fail(noTimeLeft());
      }
      this.#deadlineAt = this.startedAt + limitMs;
      this.#deadline = deadlinesOf(this.clock).add(this, this.#deadlineAt);
    }
    signal?.addEventListener("abort", this);
    call?.signal.addEventListener("abort", this);
  }

  /** What has cut the call short, if anything did. */
  get cutBy(): ConnectError | undefined {
    return this.#cut;
  }

  get timeLeftMs(): number | undefined {
    return this.#deadlineAt === Number.POSITIVE_INFINITY ? undefined : this.#deadlineAt - this.now();
  }

  now(): number {
    return this.clock.now();
  }

  /** The deadline has passed. */
  expire(): void {
    this.#cutShort(this.#tooLate());
  }

  /** A signal has aborted. */
  handleEvent(event: Event): void {
    const signal = event.target as AbortSignal; // it listens to nothing else
    if (this.#isStreaming && signal === this.#call?.signal) {
      this.succeed(); // a reader that leaves is not seen: its stream ends with the call that it is made for
    }
    this.#cutShort(this.#reasonFor(signal));
  }

  beginStream(): void {
    this.#isStreaming = true;
  }

  succeed(): void {
    if (!this.#isOver) {
      this.#counts.succeeded++;
      this.#end();
    }
  }

  errorOf(thrown: unknown): ConnectError {
    if (this.#cut !== undefined) {
      return this.#cut;
    }
    const error = ConnectError.from(thrown, Code.Internal);
    if (!isCancellation(error) || this.#signal?.aborted === true || this.#call?.signal.aborted === true) {
      return error;
    }
    // A server that knows of the deadline may break the call off at it, before the timer here has fired; grpc-go does.
    return this.now() >= this.#deadlineAt ? this.#tooLate() : brokenOff(error, this.#url);
  }

  fail(thrown: unknown, story?: Story): ConnectError {
    this.#error ??= onwardError(this.errorOf(thrown), this.#url, !this.#isSignalled, story, thrown);
    if (!this.#isOver) {
      this.#counts.failed++;
      this.#end();
    }
    return this.#error;
  }

  #tooLate(): ConnectError {
    return this.#isOwnLimit ? new ConnectError("the operation timed out", Code.DeadlineExceeded) : tookTooLong();
  }

  /** A caller's own reason stays what it is. What cuts the call in progress short is the reason of many, so each has its own. */
  #reasonFor(signal: AbortSignal): ConnectError {
    const reason = reasonOf(signal);
    this.#isSignalled = signal === this.#signal;
    return this.#isSignalled ? reason : new ConnectError(reason.rawMessage, reason.code, undefined, undefined, reason);
  }

  #cutShort(reason: ConnectError): void {
    if (this.#cut === undefined) {
      this.#cut = reason;
      this.#underWay.cut(reason);
    }
  }

  #end(): void {
    this.#isOver = true;
    this.#deadline?.cancel();
    this.#signal?.removeEventListener("abort", this);
    this.#call?.signal.removeEventListener("abort", this);
  }
}

/** What a call fails with whose signal has aborted. */
export function reasonOf(signal: AbortSignal): ConnectError {
  return ConnectError.from(getAbortSignalReason(signal), Code.Canceled);
}
