import type { Interceptor } from "@connectrpc/connect";
import { runInCall } from "../call/current.ts";
import type { TimeoutHeader } from "../call/deadline.ts";
import type { CallRules } from "../wire/call-rules.ts";
import { answerErrors, errorForCaller } from "./answer-errors.ts";
import { answerInterruption, logLateFailure } from "./answer-interruption.ts";
import { sendCompanions } from "./companions.ts";
import { hideRedacted, hideRedactedOf } from "./hide-redacted.ts";
import { onwardDeadline } from "./onward-deadline.ts";

export { logSurprise } from "./answer-errors.ts";
export { companionLines } from "./companions.ts";
export { type MethodSelector, onlyFor } from "./only-for.ts";
export { noTimeLeft, onwardLimitMs, tookTooLong } from "./onward-deadline.ts";

/**
 * What a service does with every call, outermost first: error rules, deadline and cancellation, what the log must hide;
 * then come the service's own interceptors in the order in which it lists them, then the handler.
 */
export const SERVICE_RULES: CallRules = {
  interceptors: [answerErrors, answerInterruption, hideRedacted],
  run: runInCall,
  onMessage: hideRedactedOf,
  errorFor: errorForCaller,
  onLateFailure: logLateFailure,
};

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
