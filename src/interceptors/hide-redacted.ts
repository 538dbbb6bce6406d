import type { DescMethod, Message } from "@bufbuild/protobuf";
import type { Interceptor } from "@connectrpc/connect";
import type { ActiveCall } from "../call/call.ts";
import { callInProgress } from "../call/current.ts";
import { redactedTexts } from "../call/redacted-fields.ts";

/** Has the log hide what a message's `debug_redact` fields hold. */
export function hideRedactedOf(call: ActiveCall, method: DescMethod, message: Message): void {
  call.hide(redactedTexts(method.input, message));
}

/** Has the log hide what a request's `debug_redact` fields hold, wherever a line of this call would quote it. */
export const hideRedacted: Interceptor = (next) => (request) => {
  const call = callInProgress();
  if (call === undefined) {
    return next(request);
  }
  const hide = (message: Message) => hideRedactedOf(call, request.method, message);
  if (!request.stream) {
    hide(request.message);
    return next(request);
  }
  const { message: messages } = request;
  return next({
    ...request,
    message: (async function* () {
      for await (const message of messages) {
        hide(message);
        yield message;
      }
    })(),
  });
};
