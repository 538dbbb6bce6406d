import type { CallRecord } from "./call-record.ts";
import type { Calls } from "./clients/tested-client.ts";
import type { Burst, CallKind, LoadPlan } from "./load-plan.ts";
import type { LoopDelay } from "./loop-delay.ts";
import { nowMs } from "./monotonic.ts";

/** How long after its deadline a call is waited for, in milliseconds, before it counts as one that never settles. */
const PATIENCE_MS = 2500;

/** A load under way. */
export interface Load {
  burst(burst: Burst): void;
  /** Begins no further call of the plan's, and no other. */
  end(): Promise<readonly CallRecord[]>;
}

type Begun = Omit<CallRecord, "absentMs">;

/** Begins calls at the plan's pace. A pause of the process is made up for, so that as many calls begin as should. */
export function startLoad(calls: Calls, plan: LoadPlan, delay: LoopDelay): Load {
  const made: Begun[] = [];
  const settling: Promise<void>[] = [];
  const everyMs = 1000 / plan.callsPerSecond;
  let dueMs = nowMs();
  let turn = 0;

  function begin(kind: CallKind, isOfBurst: boolean, timeoutMs: number, delayMs: number): void {
    const startedMs = nowMs();
    const id = made.length + 1;
    const begun = { id, kind, isOfBurst, startedMs, deadlineMs: startedMs + timeoutMs };
    made.push({ ...begun, code: "never settled" });
    const settle = (outcome: Pick<CallRecord, "code" | "message">) => {
      made[id - 1] = { ...begun, settledMs: nowMs(), ...outcome };
    };
    settling.push(
      calls.call(kind, { id, timeoutMs, delayMs }).then(
        () => settle({ code: "ok" }),
        (error: unknown) => settle({ code: calls.codeOf(error) ?? "no rpc error", message: String(error) }),
      ),
    );
  }

  function keepPace(): void {
    for (const now = nowMs(); dueMs <= now; dueMs += everyMs) {
      const kind = plan.turns[turn++ % plan.turns.length] ?? "once";
      const isStream = kind === "watch" || kind === "converse";
      begin(kind, false, isStream ? plan.streamTimeoutMs : plan.unaryTimeoutMs, 0);
    }
  }

  function burst({ calls: count, kind, timeoutMs, delayMs }: Burst): void {
    for (let call = 0; call < count; call++) begin(kind, true, timeoutMs, delayMs);
  }

  for (const opening of plan.opening ?? []) burst(opening);
  keepPace();
  const pacing = setInterval(keepPace, everyMs);
  return {
    burst,
    async end() {
      clearInterval(pacing);
      const lastMs = made.reduce((latest, { deadlineMs }) => Math.max(latest, deadlineMs), 0);
      await settledOr(Promise.all(settling), lastMs + PATIENCE_MS - nowMs());
      // A call's end is measured before the timers that it kept waiting: these have to come first.
      await new Promise((resolve) => setTimeout(resolve, 20));
      return made.map((call) => ({ ...call, absentMs: delay.between(call.deadlineMs, call.settledMs ?? 0) }));
    },
  };
}

async function settledOr(settled: Promise<unknown>, limitMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise((resolve) => {
    timer = setTimeout(resolve, limitMs);
  });
  await Promise.race([settled, limit]);
  clearTimeout(timer);
}
