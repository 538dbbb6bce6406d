import { Code, ConnectError } from "@connectrpc/connect";
import type { ActiveCall } from "../../call/call.ts";

/**
 * What an onward call may take, in milliseconds: the least of its own time-out, or else the channel's, and of what is left
 * of the call that it is made for. Undefined where nothing bounds it.
 *
 * @param channelMs infinite where the channel has none
 */
export function onwardLimitMs(
  call: ActiveCall | undefined,
  ownMs: number | undefined,
  channelMs: number | undefined,
): number | undefined {
  const limitMs = ownMs ?? (channelMs === Number.POSITIVE_INFINITY ? undefined : channelMs);
  const leftMs = call?.timeLeftMs();
  return limitMs === undefined || leftMs === undefined ? (limitMs ?? leftMs) : Math.min(limitMs, leftMs);
}

/** Why an onward call is not sent whose time is over already. */
export function noTimeLeft(): ConnectError {
  return new ConnectError("no time was left for the onward call", Code.DeadlineExceeded);
}

/** What an onward call fails with at its deadline. */
export function tookTooLong(): ConnectError {
  return new ConnectError("the onward call took too long", Code.DeadlineExceeded);
}
