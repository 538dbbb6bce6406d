import type { Interceptor } from "@connectrpc/connect";
import { callInProgress } from "../call/current.ts";
import { REQUEST_ID_HEADER } from "../call/request-id.ts";

/** Gives an onward call the request id and the header fields that travel on, unless the caller has set its own. */
export const sendCompanions: Interceptor = (next) => (request) => {
  const call = callInProgress();
  if (call !== undefined) {
    for (const [name, value] of [[REQUEST_ID_HEADER, call.requestId] as const, ...call.companions]) {
      if (!request.header.has(name)) {
        request.header.set(name, value);
      }
    }
  }
  return next(request);
};
