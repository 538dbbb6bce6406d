import { createContextKey } from "@connectrpc/connect";
import type { ActiveCall } from "../../call/call.ts";
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

export function waitsForReady({ contextValues }: CallRequest, { rules }: MethodCalls): boolean {
  return contextValues?.get(waitForReady) ?? rules.waitForReady;
}

/** Whether a call is itself a further attempt of whoever made it: its onward calls are not tried again. */
export function isForRetry(call: ActiveCall | undefined): boolean {
  return call?.companions.has(PREVIOUS_ATTEMPTS_HEADER) === true;
}
