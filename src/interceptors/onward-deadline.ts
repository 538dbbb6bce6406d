import { Code, ConnectError, type Interceptor, type StreamResponse, type UnaryResponse } from "@connectrpc/connect";
import type { ActiveCall } from "../call/call.ts";
import { systemClock } from "../call/clock.ts";
import { callInProgress } from "../call/current.ts";
import { formatTimeout, parseTimeoutMs, type TimeoutHeader } from "../call/deadline.ts";

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

/**
 * Bounds an onward call by the least of its own time-out (of the call, or of the channel for a unary call) and what is
 * left of the call that it is made for; cancels it when that call is interrupted. An onward call that has no time left is
 * not sent.
 *
 * @param timeoutMs the channel's time-out in milliseconds; infinite: none
 */
export function onwardDeadline(header: TimeoutHeader, timeoutMs: number): Interceptor {
  return (next) => async (request) => {
    const call = callInProgress();
    const own = request.header.get(header);
    const ownMs = own === null ? undefined : parseTimeoutMs(header, own);
    const limitMs = onwardLimitMs(call, ownMs, request.stream ? undefined : timeoutMs);
    if (limitMs !== undefined) {
      request.header.set(header, formatTimeout(header, limitMs));
    }
    const signals = [request.signal, ...(call === undefined ? [] : [call.signal])];
    const aborted = signals.find((signal) => signal.aborted);
    if (aborted !== undefined) {
      throw aborted.reason;
    }
    if (limitMs !== undefined && limitMs <= 0) {
      throw noTimeLeft();
    }
    const controller = new AbortController();
    const expire = () => abort(tookTooLong());
    const timer = limitMs === undefined ? undefined : (call?.clock ?? systemClock).schedule(limitMs, expire);
    const listeners = signals.map((signal) => ({ signal, onAbort: () => abort(signal.reason) }));
    for (const { signal, onAbort } of listeners) {
      signal.addEventListener("abort", onAbort);
    }
    function abort(reason: unknown) {
      release();
      controller.abort(reason);
    }
    function release() {
      timer?.cancel();
      for (const { signal, onAbort } of listeners) {
        signal.removeEventListener("abort", onAbort);
      }
    }
    return releasedAtEnd(() => next({ ...request, signal: controller.signal }), release);
  };
}

/** Calls `release` once the call is over: with the answer of a unary one, and with the last message of a stream. */
async function releasedAtEnd<R extends UnaryResponse | StreamResponse>(
  take: () => Promise<R>,
  release: () => void,
): Promise<R> {
  let isOver = true;
  try {
    const response = await take();
    if (!response.stream) {
      return response;
    }
    isOver = false;
    return { ...response, message: throughTo(response.message, release) };
  } finally {
    if (isOver) {
      release();
    }
  }
}

async function* throughTo<T>(messages: AsyncIterable<T>, onEnd: () => void): AsyncIterable<T> {
  try {
    yield* messages;
  } finally {
    onEnd();
  }
}
