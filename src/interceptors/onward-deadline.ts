import { Code, ConnectError, type Interceptor, type StreamResponse, type UnaryResponse } from "@connectrpc/connect";
import { systemClock } from "../call/clock.ts";
import { callInProgress } from "../call/current.ts";
import { formatTimeout, parseTimeoutMs, type TimeoutHeader } from "../call/deadline.ts";

/**
 * Bounds an onward call by the least of its own time-out (of the call, or of the channel for a unary call) and what is
 * left of the call that it is made for; cancels it when that call is interrupted. An onward call that has no time left is
 * not sent.
 *
 * @param timeoutMs the channel's time-out in milliseconds
 */
export function onwardDeadline(header: TimeoutHeader, timeoutMs: number): Interceptor {
  return (next) => async (request) => {
    const call = callInProgress();
    const own = request.header.get(header);
    const ownMs = own === null ? undefined : parseTimeoutMs(header, own);
    const limitMs = leastOf(ownMs ?? (request.stream ? undefined : timeoutMs), call?.timeLeftMs());
    if (limitMs !== undefined) {
      request.header.set(header, formatTimeout(header, limitMs));
    }
    const signals = [request.signal, ...(call === undefined ? [] : [call.signal])];
    const aborted = signals.find((signal) => signal.aborted);
    if (aborted !== undefined) {
      throw aborted.reason;
    }
    if (limitMs !== undefined && limitMs <= 0) {
      throw new ConnectError("no time was left for the onward call", Code.DeadlineExceeded);
    }
    const controller = new AbortController();
    const expire = () => abort(new ConnectError("the onward call took too long", Code.DeadlineExceeded));
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

function leastOf(...limits: readonly (number | undefined)[]): number | undefined {
  const known = limits.filter((limit) => limit !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
