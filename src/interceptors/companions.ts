import type { Interceptor } from "@connectrpc/connect";
import type { ActiveCall } from "../call/call.ts";
import { callInProgress } from "../call/current.ts";
import { REQUEST_ID_HEADER } from "../call/request-id.ts";

/** The request id of a call, and the header fields that travel on with its onward calls. */
export function companionLines(call: ActiveCall): readonly (readonly [name: string, value: string])[] {
  return [[REQUEST_ID_HEADER, call.requestId], ...call.companions];
}

/** Gives an onward call the request id and the header fields that travel on, unless the caller has set its own. */
export const sendCompanions: Interceptor = (next) => (request) => {
  const call = callInProgress();
  if (call !== undefined) {
    for (const [name, value] of companionLines(call)) {
      if (!request.header.has(name)) {
        request.header.set(name, value);
      }
    }
  }
  return next(request);
};
