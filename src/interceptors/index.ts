import { runInCall } from "../call/current.ts";
import type { CallRules } from "../wire/call-rules.ts";
import { answerErrors, errorForCaller } from "./answer-errors.ts";
import { answerInterruption, logLateFailure } from "./answer-interruption.ts";
import { hideRedacted, hideRedactedOf } from "./hide-redacted.ts";

export { logSurprise } from "./answer-errors.ts";
export { onlyFor } from "./only-for.ts";

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
