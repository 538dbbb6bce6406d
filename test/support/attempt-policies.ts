import type { AttemptPolicies } from "../../src/client/attempts/attempt-rules.ts";
import { RetryBudget } from "../../src/client/attempts/retry-budget.ts";
import { ChannelSight } from "../../src/client/channel-sight.ts";

/** What a channel's calls share, without retries by policy and without a throttle. */
export function attemptPolicies(policies: Partial<AttemptPolicies> = {}): AttemptPolicies {
  return {
    retry: undefined,
    waitForReady: false,
    configOf: () => undefined,
    budget: new RetryBudget({}, () => performance.now()),
    throttle: undefined,
    random: Math.random,
    sight: new ChannelSight("test"),
    resting: new Set(),
    isClosed: () => false,
    lastConnectionError: () => undefined,
    ...policies,
  };
}
