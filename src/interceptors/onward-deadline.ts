import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { type Clock, systemClock } from "../call/clock.ts";
import { callInProgress } from "../call/current.ts";
import { formatTimeout, parseTimeoutMs, type TimeoutHeader } from "../call/deadline.ts";
import { eachStep } from "./streams.ts";

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
    const clock: Clock = call?.clock ?? systemClock;
    const own = request.header.get(header);
    const ownMs = own === null ? (request.stream ? undefined : timeoutMs) : parseTimeoutMs(header, own);
    const limitMs = leastOf(ownMs, call?.timeLeftMs());
    if (limitMs !== undefined) {
      request.header.set(header, formatTimeout(header, limitMs));
    }
    const controller = new AbortController();
    const expire = () => controller.abort(new ConnectError("the onward call took too long", Code.DeadlineExceeded));
    const upstream = [request.signal, call?.signal].filter((signal) => signal !== undefined);
    const onAbort = (event: Event) => {
      // The signals of Connect and of a call are the only targets that this listens to.
      controller.abort((event.target as AbortSignal).reason);
    };
    const aborted = upstream.find((signal) => signal.aborted);
    if (aborted !== undefined) {
      throw aborted.reason;
    }
    if (limitMs !== undefined && limitMs <= 0) {
      throw new ConnectError("no time was left for the onward call", Code.DeadlineExceeded);
    }
    for (const signal of upstream) {
      signal.addEventListener("abort", onAbort, { once: true });
    }
    const timer = limitMs === undefined ? undefined : clock.schedule(limitMs, expire);
    const release = () => {
      timer?.cancel();
      for (const signal of upstream) {
        signal.removeEventListener("abort", onAbort);
      }
    };
    let ended = !request.stream;
    return eachStep(
      async (take) => {
        try {
          const taken = await take();
          ended ||= isEnd(taken);
          return taken;
        } catch (error) {
          ended = true;
          throw error;
        } finally {
          if (ended) {
            release();
          }
        }
      },
      () => next({ ...request, signal: controller.signal }),
    );
  };
}

function isEnd(taken: unknown): boolean {
  return typeof taken === "object" && taken !== null && "done" in taken && taken.done === true;
}

function leastOf(...limits: readonly (number | undefined)[]): number | undefined {
  const known = limits.filter((limit) => limit !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
