import { setTimeout as passed } from "node:timers/promises";
import { until } from "../support/until.ts";
import type { Caller } from "./caller-process.ts";
import type { TestedClient } from "./clients/tested-client.ts";
import { judge, type Verdict } from "./judge.ts";
import { type LoadPlan, STEADY } from "./load-plan.ts";
import { watchLoopDelay } from "./loop-delay.ts";
import { nowMs } from "./monotonic.ts";
import type { Facts, Scenario, Setting } from "./scenario.ts";

/** How long calls go well before a fault, and how long they go on after it, in milliseconds. */
const [BEFORE_MS, AFTER_MS] = [400, 1500];

/** What came of a run: nothing to complain of where it holds. */
export interface Outcome extends Verdict {
  readonly remarks: readonly string[];
  /** The machine was busy with something else: what does not hold says little of the client. */
  readonly isDisturbed: boolean;
}

/** What an event loop may be away for at a time, and in all as a part of the run, before the run counts as disturbed. */
const [MAX_ABSENCE_MS, MAX_ABSENT_SHARE] = [50, 0.1];

/** Puts a client through a scenario. A run is its own: others may be under way, with callers of theirs. */
export async function perform(scenario: Scenario, client: TestedClient, caller: Caller): Promise<Outcome> {
  await using resources = new AsyncDisposableStack();
  const setting = await scenario.open({ client, caller, use: (resource) => resources.use(resource) });
  using delay = watchLoopDelay();
  let beganMs = nowMs();
  const startedMs = beganMs;
  if (scenario.isThereFirst === true) await setting.begin();
  await caller.start(client.name, setting.target, planFor(scenario, client));
  if (scenario.isThereFirst !== true) {
    await passed(BEFORE_MS);
    beganMs = nowMs();
    await setting.begin();
  }
  await passed(scenario.faultMs);
  await setting.end();
  const endedMs = nowMs();
  await passed(AFTER_MS);
  await caller.settle();
  const settledMs = nowMs();
  const forgotten = await forgottenCalls(setting);
  const report = await caller.close();
  const served = setting.backends.flatMap((backend) => backend.served);
  const facts: Facts = { report, calls: report.calls, served, beganMs, endedMs };
  const verdict = judge(facts);
  return {
    ...verdict,
    complaints: [...verdict.complaints, ...forgotten, ...(setting.complaints?.(facts) ?? [])],
    remarks: setting.remarks?.(facts) ?? [],
    isDisturbed:
      Math.max(delay.worst(), report.worstAbsenceMs) > MAX_ABSENCE_MS ||
      Math.max(delay.between(startedMs, settledMs) / (settledMs - startedMs), report.absentShare) > MAX_ABSENT_SHARE,
  };
}

/** Over HTTP/1.1 no stream goes both ways. */
function planFor({ plan }: Scenario, { httpVersion }: TestedClient): LoadPlan {
  const whole = { ...STEADY, ...plan };
  if (httpVersion === "2") return whole;
  return { ...whole, turns: whole.turns.map((kind) => (kind === "converse" ? "watch" : kind)) };
}

/** Streams that go on at a backend when every call has settled. */
async function forgottenCalls({ backends }: Setting): Promise<readonly string[]> {
  const active = () => backends.reduce((sum, backend) => sum + (backend.active?.() ?? 0), 0);
  return until(() => active() === 0, 1000).then(
    () => [],
    () => [`${active()} calls go on at the backends when all have settled`],
  );
}
