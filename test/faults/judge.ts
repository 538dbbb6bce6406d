import type { CallRecord } from "./call-record.ts";
import { codesOf, failed } from "./facts.ts";
import type { Facts } from "./scenario.ts";

/** What a call may take beyond its deadline, in milliseconds, when the machine's own delay is taken off. */
const MAX_OVERRUN_MS = 250;
/** After how long everything has to be well again, in milliseconds. */
const MAX_RECOVERY_MS = 1000;

/** What a run came to. */
export interface Verdict {
  readonly calls: number;
  readonly failed: number;
  /** Failures by their codes, in words. */
  readonly codes: string;
  /** The first failure of each code, as the client put it. */
  readonly failures: readonly string[];
  /** How far a call went past its deadline at the worst, in milliseconds; 0 where none did. */
  readonly worstOverrunMs: number;
  /** The same without what the event loop kept timers waiting. */
  readonly worstNetOverrunMs: number;
  /** From the fault's end to the begin of the last call that failed, in milliseconds; 0 where none failed after it. */
  readonly recoveryMs: number;
  /** Why it does not hold; nothing where it does. */
  readonly complaints: readonly string[];
}

/** Judges what holds for every scenario alike. */
export function judge(facts: Facts): Verdict {
  const { calls, report, endedMs } = facts;
  const overruns = calls.map(overrunOf);
  const worstOverrunMs = Math.max(0, ...overruns);
  const worstNetOverrunMs = Math.max(0, ...calls.map((call, index) => (overruns[index] ?? 0) - call.absentMs));
  const late = failed(calls).filter(({ startedMs }) => startedMs > endedMs);
  const recoveryMs = Math.max(0, ...late.map(({ startedMs }) => startedMs - endedMs));
  const complaints = [
    ...unsettled(calls),
    ...(worstNetOverrunMs > MAX_OVERRUN_MS ? [`a call took ${Math.round(worstNetOverrunMs)} ms too long`] : []),
    ...(recoveryMs > MAX_RECOVERY_MS
      ? [`calls fail ${Math.round(recoveryMs)} ms after the fault: ${codesOf(late)}`]
      : []),
    ...strangeEnds(calls),
    ...failuresBefore(facts),
    ...ranTwice(facts),
    ...report.strays.map((stray) => stray.slice(0, 300)),
    ...report.leftovers.map((left) => `left behind: ${left}`),
    ...callsLeft(report.stats),
  ];
  return {
    calls: calls.length,
    failed: failed(calls).length,
    codes: codesOf(failed(calls)),
    failures: [...Map.groupBy(failed(calls), ({ code }) => code)].map(
      ([code, [first]]) => `${code}: ${first?.message}`,
    ),
    worstOverrunMs,
    worstNetOverrunMs,
    recoveryMs,
    complaints,
  };
}

function overrunOf({ settledMs, deadlineMs }: CallRecord): number {
  return settledMs === undefined ? 0 : settledMs - deadlineMs;
}

function unsettled(calls: readonly CallRecord[]): readonly string[] {
  const lost = calls.filter(({ settledMs }) => settledMs === undefined);
  return lost.length === 0 ? [] : [`${lost.length} calls never settled`];
}

/** A client's error has a code, and a stream that ends well is whole. */
function strangeEnds(calls: readonly CallRecord[]): readonly string[] {
  const strange = calls.filter(({ code }) => code === "no rpc error");
  return strange.length === 0 ? [] : [`${strange.length} failures without a code: ${strange[0]?.message}`];
}

function failuresBefore({ calls, beganMs }: Facts): readonly string[] {
  const early = failed(calls).filter(({ settledMs = Number.POSITIVE_INFINITY }) => settledMs < beganMs);
  return early.length === 0 ? [] : [`${early.length} calls failed before the fault: ${codesOf(early)}`];
}

/** Of all methods but one the schema does not say that they may run again. */
function ranTwice({ served }: Facts): readonly string[] {
  const runs = Map.groupBy(
    served.filter(({ kind }) => kind !== "idempotent"),
    ({ id }) => id,
  );
  const twice = [...runs.values()].filter((those) => those.length > 1);
  return twice.length === 0 ? [] : [`${twice.length} calls that must not ran more than once`];
}

function callsLeft(stats: Readonly<Record<string, unknown>> | undefined): readonly string[] {
  const active = stats?.["callsActive"];
  return active === undefined || active === 0 ? [] : [`the channel still counts ${active} calls`];
}
