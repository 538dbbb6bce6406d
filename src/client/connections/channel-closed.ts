import { Code, ConnectError } from "@connectrpc/connect";

/** What a call of a channel fails with once the channel is closed. */
export function channelClosed(origin: string): ConnectError {
  return new ConnectError(`the channel to ${origin} is closed`, Code.Unavailable);
}
