import { Code, type ConnectError } from "@connectrpc/connect";
import type { Fate } from "../connections/http-request.ts";
import type { Placement } from "../connections/placement.ts";
import type { AttemptPolicies, AttemptRules } from "./attempt-rules.ts";
import { backoffMs } from "./backoff.ts";

/** How an attempt failed. */
export interface AttemptFailure {
  readonly error: ConnectError;
  readonly fate: Fate;
  /** Where it was; undefined where it found no connection. */
  readonly placement: Placement | undefined;
}

/** Connections that may refuse a call one after the other before that counts as a failure like others. */
const MAX_TRANSPARENT = 5;
/** Who is asked to wait for longer had better give up: this is none of the overloads that pass. */
const MAX_PUSHBACK_MS = 60_000;
/** With this a server says when it may be asked again, in milliseconds; a negative number says: not at all (gRPC A6). */
const PUSHBACK = "grpc-retry-pushback-ms";

/** The further attempts of one call: made with its first failure. */
export class Retries {
  readonly #rules: AttemptRules;
  readonly #policies: AttemptPolicies;
  readonly #url: string;
  /** The call is made for one that is itself a further attempt: whoever made that tries again, and not every hop. */
  readonly #isForRetry: boolean;
  #attempts = 1;
  /** Those of them that no server can have seen. */
  #unseen = 0;
  /** Connections that have refused the call: for each it was tried once more, which the policy's limit does not count. */
  readonly #unprocessedAt = new Set<object>();

  constructor(rules: AttemptRules, policies: AttemptPolicies, url: string, isForRetry: boolean) {
    this.#rules = rules;
    this.#policies = policies;
    this.#url = url;
    this.#isForRetry = isForRetry;
  }

  /** Attempts before this one that a server may have seen: what `grpc-previous-rpc-attempts` says (gRPC A6). */
  get previousAttempts(): number {
    return this.#attempts - 1 - this.#unseen;
  }

  /**
   * Whether the call is tried again after a failure.
   *
   * @param timeLeftMs until its deadline; undefined where it has none
   * @returns the milliseconds to wait before that, or why it is not tried again
   */
  afterFailure(failure: AttemptFailure, timeLeftMs: number | undefined): number | string {
    const { error, fate, placement } = failure;
    if (this.#policies.isClosed()) {
      return "";
    }
    if (fate === "unprocessed" && this.#isFirstAt(placement)) {
      this.#unseen++;
      this.#count(0, "transparent");
      return 0;
    }
    const { retry } = this.#rules;
    if (retry === undefined || !retry.retryableCodes.has(error.code)) {
      return "";
    }
    if (this.#isForRetry) {
      return "not tried again, as the call that it is made for is a retry itself";
    }
    const triesBefore = this.#attempts - 1 - this.#unprocessedAt.size;
    if (triesBefore + 1 >= retry.maxAttempts) {
      return "";
    }
    const pushback = pushbackOf(error);
    if (pushback === "never") {
      return "not tried again, as the server says so";
    }
    const { initialBackoffMs: initialMs, maxBackoffMs: maxMs, backoffMultiplier: multiplier } = retry;
    const { budget, random } = this.#policies;
    const delayMs = pushback ?? backoffMs(triesBefore, { initialMs, maxMs, multiplier }, random);
    if (timeLeftMs !== undefined && delayMs >= timeLeftMs) {
      return "not tried again, as no time is left for it";
    }
    if (!budget.tryTake()) {
      return "not tried again, as the channel's budget of retries is used up";
    }
    if (placement === undefined) {
      this.#unseen++;
    }
    this.#count(delayMs, "retry");
    return delayMs;
  }

  /** Whether a connection has not refused the call before, and not too many others have. */
  #isFirstAt(placement: Placement | undefined): boolean {
    const known = this.#unprocessedAt;
    if (placement === undefined || known.has(placement.connection) || known.size >= MAX_TRANSPARENT) {
      return false;
    }
    known.add(placement.connection);
    return true;
  }

  /** Whether another attempt may begin beside those under way, `delayMs` milliseconds from now. */
  takeHedge(delayMs = 0): boolean {
    const { hedging } = this.#rules;
    const isAllowed =
      hedging !== undefined &&
      !this.#isForRetry &&
      !this.#policies.isClosed() &&
      this.#attempts - this.#unprocessedAt.size < hedging.maxAttempts &&
      this.#policies.budget.tryTake();
    if (isAllowed) {
      this.#count(delayMs, "hedge");
    }
    return isAllowed;
  }

  #count(delayMs: number, kind: "retry" | "transparent" | "hedge"): void {
    this.#attempts++;
    const { sight } = this.#policies;
    sight.retries[kind]++;
    sight.tell("retry", { url: this.#url, attempt: this.#attempts, delayMs, kind });
  }
}

/** What a server says of further attempts; undefined where it says nothing. What cannot be read says: none (gRPC A6). */
export function pushbackOf(error: ConnectError): number | "never" | undefined {
  const text = error.metadata.get(PUSHBACK);
  if (text === null) {
    return undefined;
  }
  return /^\d{1,9}$/.test(text) && Number(text) <= MAX_PUSHBACK_MS ? Number(text) : "never";
}

/**
 * Whether a live backend says by its answer that it is overloaded: what the throttle counts. `unavailable` by itself does
 * not, as it is also what a backend answers that cannot reach another.
 */
export function saysOverloaded(error: ConnectError): boolean {
  return error.code === Code.ResourceExhausted || (error.code === Code.Unavailable && error.metadata.has(PUSHBACK));
}
