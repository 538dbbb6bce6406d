import { Code, ConnectError } from "@connectrpc/connect";

/** With this an error says that it was made here, and that the call was never sent. */
const LOCAL_HEADER = "x-portico-local";

/** What a call fails with that the channel's throttle has refused: no backend has seen it. */
export function throttled(origin: string): ConnectError {
  const message = `not sent, as the backends of ${origin} say that they are overloaded (throttled here)`;
  return new ConnectError(message, Code.Unavailable, { [LOCAL_HEADER]: "throttled" });
}
