import type { ConnectError, Interceptor } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import type { ActiveCall } from "../call/call.ts";
import { callInProgress } from "../call/current.ts";
import { type Answer, answerFor, onwardFailure } from "../call/errors.ts";
import { fullName } from "../call/method-selector.ts";
import { eachStep } from "./streams.ts";

/** Turns what a handler throws into what its caller may know (call/errors.ts), and logs what only we may know. */
export const answerErrors: Interceptor = (next) => (request) => {
  const call = callInProgress();
  if (call === undefined) {
    return next(request);
  }
  const name = fullName(request.method);
  return eachStep(
    async (take) => {
      try {
        return await take();
      } catch (thrown) {
        throw errorForCaller(call, name, thrown);
      }
    },
    () => next(request),
  );
};

/** What the caller is told of what a handler threw; what only we may know is logged. `name` is the method's. */
export function errorForCaller(call: ActiveCall, name: string, thrown: unknown): ConnectError {
  if (call.timeLeftMs() === 0) {
    call.expire(); // who looks at the clock may know before the timer has fired
  }
  const answer = answerFor(thrown, call.interruption);
  call.answeredCode = answer.error.code;
  logSurprise(call, name, answer, thrown);
  return answer.error;
}

/** Logs an answer whose reason the caller does not learn. `name` is the method, or the request, that failed. */
export function logSurprise(call: ActiveCall, name: string, { surprise, error }: Answer, thrown: unknown): void {
  if (surprise === "unexpected") {
    call.log.error({ err: thrown }, `${name} failed, answered ${codeToString(error.code)}`);
  } else if (surprise === "onward") {
    // answerFor finds a surprise of this kind in a ConnectError only.
    const cause = thrown as ConnectError;
    const { url, story } = onwardFailure(cause) ?? {};
    const onward = {
      url,
      code: codeToString(cause.code),
      message: cause.rawMessage,
      ...(story !== undefined && !cause.rawMessage.includes(story) && { story }),
      details: cause.details.map(loggableDetail),
      metadata: Object.fromEntries(cause.metadata),
    };
    call.log.warn({ onward }, `${name}: an onward call failed, answered ${codeToString(error.code)}`);
  }
}

/** A detail as it came over the wire: this service may not have its schema. */
function loggableDetail(detail: ConnectError["details"][number]): object {
  return "desc" in detail
    ? { type: detail.desc.typeName, value: detail.value }
    : { type: detail.type, base64: Buffer.from(detail.value).toString("base64") };
}
