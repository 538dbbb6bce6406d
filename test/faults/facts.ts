import type { ServedCall } from "./backend.ts";
import type { CallRecord } from "./call-record.ts";
import type { Facts } from "./scenario.ts";

// What scenarios ask of a run, as complaints: none is what everybody hopes for.

/** Calls that began in the fault, and at the latest `marginMs` before its end. */
export function inFault({ calls, beganMs, endedMs }: Facts, marginMs = 0): readonly CallRecord[] {
  return calls.filter(({ startedMs }) => startedMs >= beganMs && startedMs <= endedMs - marginMs);
}

export function failed(calls: readonly CallRecord[]): readonly CallRecord[] {
  return calls.filter(({ code }) => code !== "ok");
}

/** Complains where any call failed. */
export function allSucceed(calls: readonly CallRecord[]): readonly string[] {
  const lost = failed(calls);
  return lost.length === 0 ? [] : [`${lost.length} of ${calls.length} calls failed: ${codesOf(lost)}`];
}

/** Complains of failures that took longer than `limitMs` from their begin, or from `sinceMs` if that was later. */
export function failAtOnce(calls: readonly CallRecord[], limitMs: number, sinceMs = 0): readonly string[] {
  const late = failed(calls).filter(
    ({ startedMs, settledMs = Number.POSITIVE_INFINITY }) => settledMs - Math.max(startedMs, sinceMs) > limitMs,
  );
  return late.length === 0 ? [] : [`${late.length} calls did not fail at once but later: ${codesOf(late)}`];
}

/** Complains where a call was answered well, though no whole answer came. */
export function noneSucceeds(calls: readonly CallRecord[]): readonly string[] {
  const wrong = calls.filter(({ code }) => code === "ok");
  return wrong.length === 0 ? [] : [`${wrong.length} of ${calls.length} calls passed for answered, without an answer`];
}

/** Complains where the fault did not come to pass: such a run proves nothing. */
export function happened(count: number, what: string): readonly string[] {
  return count > 0 ? [] : [`the fault never happened: no ${what}`];
}

/** What part of the calls came to one replica between two times, from 0 to 1. */
export function shareOf(
  replica: readonly ServedCall[],
  all: readonly ServedCall[],
  fromMs: number,
  toMs: number,
): number {
  const count = (served: readonly ServedCall[]) => served.filter(({ atMs }) => atMs >= fromMs && atMs <= toMs).length;
  return count(replica) / Math.max(1, count(all));
}

/** How often each code, such as `3 unavailable, 1 internal`. */
export function codesOf(calls: readonly CallRecord[]): string {
  const counts = Map.groupBy(calls, ({ code }) => code);
  return [...counts]
    .toSorted(([, some], [, others]) => others.length - some.length)
    .map(([code, those]) => `${those.length} ${code}`)
    .join(", ");
}
