import { expect, test } from "vitest";
import type { CallRecord } from "./call-record.ts";
import { judge } from "./judge.ts";
import type { Facts } from "./scenario.ts";

// A judge that lets everything pass would go unnoticed: what it reads of a run is written here by hand.

const BEGAN_MS = 1000;
const ENDED_MS = 2000;

function call(departures: Partial<CallRecord> = {}): CallRecord {
  const { startedMs = 500 } = departures;
  return {
    id: 1,
    kind: "once",
    isOfBurst: false,
    startedMs,
    deadlineMs: startedMs + 500,
    settledMs: startedMs + 10,
    code: "ok",
    absentMs: 0,
    ...departures,
  };
}

function complaintsOf(calls: readonly CallRecord[], departures: Partial<Facts> = {}): readonly string[] {
  const report = { calls, strays: [], leftovers: [], worstAbsenceMs: 0, absentShare: 0, ...departures.report };
  const facts = { calls, served: [], beganMs: BEGAN_MS, endedMs: ENDED_MS, ...departures, report };
  return judge(facts).complaints;
}

test("nothing is said of calls that went well, and of failures in a fault that come in time", () => {
  const inFault = call({ startedMs: 1500, settledMs: 2010, code: "deadline_exceeded" });
  expect(complaintsOf([call(), inFault, call({ startedMs: 2100 })])).toEqual([]);
});

test("a call that settles 251 ms after its deadline is too late, unless the process was not there", () => {
  const late = { startedMs: 1500, settledMs: 2251, code: "deadline_exceeded" };
  expect(complaintsOf([call(late)])).toEqual(["a call took 251 ms too long"]);
  expect(complaintsOf([call({ ...late, absentMs: 2 })])).toEqual([]);
});

test("a call that never settles is named", () => {
  const { settledMs: _never, ...lost } = call({ startedMs: 1500, code: "never settled" });
  expect(complaintsOf([lost])).toEqual(["1 calls never settled"]);
});

test("a call that fails though it began over a second after the fault is no recovery", () => {
  expect(complaintsOf([call({ startedMs: 3001, code: "unavailable" })])).toEqual([
    "calls fail 1001 ms after the fault: 1 unavailable",
  ]);
  expect(complaintsOf([call({ startedMs: 2999, code: "unavailable" })])).toEqual([]);
});

test("a call that fails before the fault, or without a code, is named", () => {
  expect(complaintsOf([call({ code: "unavailable" })])).toEqual(["1 calls failed before the fault: 1 unavailable"]);
  expect(complaintsOf([call({ startedMs: 1500, code: "no rpc error", message: "what?" })])).toEqual([
    "1 failures without a code: what?",
  ]);
});

test("only an idempotent method may run twice", () => {
  const twice = (kind: CallRecord["kind"]) => [1, 2].map((atMs) => ({ kind, id: 1, atMs }));
  expect(complaintsOf([call()], { served: twice("idempotent") })).toEqual([]);
  for (const kind of ["once", "watch", "converse"] as const) {
    expect(complaintsOf([call()], { served: twice(kind) })).toEqual(["1 calls that must not ran more than once"]);
  }
});

test("what escapes, and what stays behind, is named", () => {
  const report = {
    calls: [],
    strays: ["uncaught exception: Error: oh"],
    leftovers: ["1 × Timeout"],
    worstAbsenceMs: 0,
    absentShare: 0,
    stats: { callsActive: 2 },
  };
  expect(complaintsOf([call()], { report })).toEqual([
    "uncaught exception: Error: oh",
    "left behind: 1 × Timeout",
    "the channel still counts 2 calls",
  ]);
});
