import { createContextKey } from "@connectrpc/connect";
import type { ActiveCall } from "../../call/call.ts";
import type { CallManner } from "./attempts.ts";
import { type MethodCalls, PREVIOUS_ATTEMPTS_HEADER } from "./method-calls.ts";
import type { CallRequest } from "./transport-options.ts";

/**
 * Has a call wait, within its deadline, where no backend can be reached, instead of failing with `unavailable`; false has it
 * fail though the channel's or the method's calls wait. Given with a call:
 * `client.placeOrder(order, { contextValues: createContextValues().set(waitForReady, true) })`.
 */
export const waitForReady = createContextKey<boolean | undefined>(undefined, {
  description: "the call waits for a backend",
});

/** How a call is made; `call` is the one that it is made for, whose header says whether it is itself a further attempt. */
export function mannerOf(
  { contextValues }: CallRequest,
  { rules }: MethodCalls,
  call: ActiveCall | undefined,
): CallManner {
  return {
    isForRetry: call?.companions.has(PREVIOUS_ATTEMPTS_HEADER) === true,
    waitForReady: contextValues?.get(waitForReady) ?? rules.waitForReady,
  };
}
