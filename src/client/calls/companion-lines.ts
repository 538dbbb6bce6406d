import type { ActiveCall } from "../../call/call.ts";
import { REQUEST_ID_HEADER } from "../../call/request-id.ts";

/** The request id of a call, and the header fields that travel on with its onward calls. */
export function companionLines(call: ActiveCall): readonly (readonly [name: string, value: string])[] {
  return [[REQUEST_ID_HEADER, call.requestId], ...call.companions];
}
