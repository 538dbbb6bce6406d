import type { Code } from "@connectrpc/connect";

/** How calls of a method are made. A call's own options come before it, but for the time-out: the shorter one counts. */
export interface MethodConfig {
  /** What a call may take, in milliseconds; more than 0. Default: what the channel has. */
  readonly timeoutMs?: number | undefined;
  /** Calls wait for a backend until their deadline where none can be reached. Default: what the channel has. */
  readonly waitForReady?: boolean | undefined;
  /** Which failures are repeated, and when. Excludes {@link hedging}. Default: what the channel has. */
  readonly retry?: RetryPolicy | undefined;
  /** Attempts that are made before the ones under way have failed. Excludes {@link retry}. Default: none. */
  readonly hedging?: HedgingPolicy | undefined;
}

/**
 * How often and when a failed call is made again. The wait before the nth repetition is random, from 0 to
 * `initialBackoffMs * backoffMultiplier ** (n - 1)` and at most `maxBackoffMs`.
 */
export interface RetryPolicy {
  /** With the first; from 2 to 5. */
  readonly maxAttempts: number;
  /** Milliseconds; more than 0. */
  readonly initialBackoffMs: number;
  /** Milliseconds; more than 0. */
  readonly maxBackoffMs: number;
  /** More than 0. */
  readonly backoffMultiplier: number;
  /** With which codes a call is made again; at least one. */
  readonly retryableCodes: ReadonlySet<Code>;
}

/** How a call is made several times at once, so that the fastest answer counts. */
export interface HedgingPolicy {
  /** With the first; from 2 to 5. */
  readonly maxAttempts: number;
  /** Milliseconds between the beginnings of two attempts; with 0 all begin at once. */
  readonly delayMs: number;
  /** With which codes one attempt may fail while the others go on, and the next begins at once. Any other code is the call's. */
  readonly nonFatalCodes: ReadonlySet<Code>;
}
