import type { Interceptor } from "@connectrpc/connect";
import { callInProgress, runInCall } from "../call/current.ts";
import { eachStep } from "./streams.ts";

/**
 * Runs every step of a stream as part of its call. A generator goes on after `yield` in the context of whoever asks for
 * the next message, and that may be a socket's event.
 */
export const keepCall: Interceptor = (next) => (request) => {
  const call = callInProgress();
  return call === undefined
    ? next(request)
    : eachStep(
        (take) => runInCall(call, take),
        () => next(request),
      );
};
