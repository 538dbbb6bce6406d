import type { Message } from "@bufbuild/protobuf";
import type { Interceptor } from "@connectrpc/connect";
import { callInProgress } from "../call/current.ts";
import { redactedTexts } from "../call/redacted-fields.ts";

/** Has the log hide what a request's `debug_redact` fields hold, wherever a line of this call would quote it. */
export const hideRedacted: Interceptor = (next) => (request) => {
  const call = callInProgress();
  if (call === undefined) {
    return next(request);
  }
  const hide = (message: Message) => {
    call.hide(redactedTexts(request.method.input, message));
  };
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
