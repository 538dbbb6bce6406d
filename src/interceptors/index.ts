import type { Interceptor } from "@connectrpc/connect";
import type { TimeoutHeader } from "../call/deadline.ts";
import { answerErrors } from "./answer-errors.ts";
import { answerInterruption } from "./answer-interruption.ts";
import { sendCompanions } from "./companions.ts";
import { hideRedacted } from "./hide-redacted.ts";
import { onwardDeadline } from "./onward-deadline.ts";

export { logSurprise } from "./answer-errors.ts";
export { type MethodSelector, onlyFor } from "./only-for.ts";

/**
 * The interceptors of a service, outermost first: error rules, deadline and cancellation, what
 * the log must hide, then the service's own in the order in which it lists them, then the handler.
 */
export function serviceInterceptors(own: readonly Interceptor[]): readonly Interceptor[] {
  return [answerErrors, answerInterruption, hideRedacted, ...own];
}

/**
 * The interceptors of a channel, outermost first: request id and the other companions, deadline and cancellation, then the
 * channel's own in the order in which it lists them, then the wire.
 */
export function channelInterceptors(
  own: readonly Interceptor[],
  header: TimeoutHeader,
  timeoutMs: number,
): readonly Interceptor[] {
  return [sendCompanions, onwardDeadline(header, timeoutMs), ...own];
}
