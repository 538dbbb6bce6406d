import type { DescMethod } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel as Idempotency } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import type { ChannelSight } from "../channel-sight.ts";
import type { HedgingPolicy, MethodConfig, RetryPolicy } from "../service-config/method-config.ts";
import type { Rest } from "./rest.ts";
import type { RetryBudget } from "./retry-budget.ts";
import type { Throttle } from "./throttle.ts";

/** What all calls of a channel share that may be tried more than once. */
export interface AttemptPolicies {
  /** For methods that the service config says nothing of. Undefined: failed calls are not tried again. */
  readonly retry: RetryPolicy | undefined;
  readonly waitForReady: boolean;
  /** What the service config says of a method. */
  readonly configOf: (method: DescMethod) => MethodConfig | undefined;
  readonly budget: RetryBudget;
  /** Undefined: nothing is refused here. */
  readonly throttle: Throttle | undefined;
  /** Numbers from 0 to 1, without 1. */
  readonly random: () => number;
  readonly sight: ChannelSight;
  /** Calls that wait for their next attempt. */
  readonly resting: Set<Rest>;
  /** The channel is closed: nothing is tried any more. */
  readonly isClosed: () => boolean;
  /** The last failure to resolve the target or to connect to it, for people. */
  readonly lastConnectionError: () => string | undefined;
}

/** How calls of one method are tried. */
export interface AttemptRules {
  readonly retry: RetryPolicy | undefined;
  readonly hedging: HedgingPolicy | undefined;
  readonly waitForReady: boolean;
  /** Bounds every call, in milliseconds; undefined where nothing does. */
  readonly timeoutMs: number | undefined;
}

/** Two tries after the first, as nearly all failures that a retry helps against are over by then. */
export const DEFAULT_RETRY: RetryPolicy = {
  maxAttempts: 3,
  initialBackoffMs: 50,
  maxBackoffMs: 1000,
  backoffMultiplier: 2,
  retryableCodes: new Set([Code.Unavailable]),
};

/**
 * What may be done for calls of a method. Only what the schema says may run twice is ever sent again that may have run, and
 * only what has no side effects is sent twice at once.
 */
export function attemptRules(method: DescMethod, policies: AttemptPolicies): AttemptRules {
  const config = policies.configOf(method);
  const hasNoSideEffects = method.idempotency === Idempotency.NO_SIDE_EFFECTS;
  const isRepeatable = hasNoSideEffects || method.idempotency === Idempotency.IDEMPOTENT;
  const hedging = hasNoSideEffects && method.methodKind === "unary" ? config?.hedging : undefined;
  return {
    retry: isRepeatable && hedging === undefined ? (config?.retry ?? policies.retry) : undefined,
    hedging,
    waitForReady: config?.waitForReady ?? policies.waitForReady,
    timeoutMs: config?.timeoutMs,
  };
}
