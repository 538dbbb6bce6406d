import type { Interceptor } from "@connectrpc/connect";
import type { ActiveCall } from "../call/call.ts";
import { callInProgress } from "../call/current.ts";
import { answerFor } from "../call/errors.ts";
import { logSurprise } from "./answer-errors.ts";
import { eachStep } from "./streams.ts";

/**
 * Answers at the deadline, at a cancellation and at the end of a shutdown's grace, whatever the handler does with its
 * signal. A handler whose deadline has passed before it began is not run.
 */
export const answerInterruption: Interceptor = (next) => (request) => {
  const call = callInProgress();
  return call === undefined
    ? next(request)
    : eachStep(
        (take) => unlessInterrupted(call, take),
        () => next(request),
      );
};

function unlessInterrupted<T>(call: ActiveCall, take: () => Promise<T>): Promise<T> {
  if (call.timeLeftMs() === 0) {
    call.expire();
  }
  const { signal } = call;
  if (signal.aborted) {
    return Promise.reject(signal.reason);
  }
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    take()
      .finally(() => signal.removeEventListener("abort", onAbort))
      .then(resolve, (error: unknown) => {
        logLateFailure(call, error);
        reject(error);
      });
  });
}

/** A handler's failure after its call had been cut short is nobody's but the log's, unless that is what led to it. */
export function logLateFailure(call: ActiveCall, error: unknown): void {
  const { interruption, method } = call;
  if (interruption === undefined) {
    return;
  }
  const answer = answerFor(error, interruption);
  if (answer.surprise === "unexpected") {
    call.log.error({ err: error }, "a handler failed after its call had been cut short");
  } else {
    logSurprise(call, method?.name ?? "a request", answer, error);
  }
}
