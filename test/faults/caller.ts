import type { CallRecord } from "./call-record.ts";
import type { CallerCommand, CallerWord } from "./caller-messages.ts";
import type { Calls } from "./clients/tested-client.ts";
import { OTHERS, OURS } from "./clients.ts";
import { type Holdings, holdings, leftoversSince } from "./leftovers.ts";
import { type Load, startLoad } from "./load.ts";
import { type LoopDelay, watchLoopDelay } from "./loop-delay.ts";
import { nowMs } from "./monotonic.ts";
import { setName, takeOverNames } from "./names.ts";

// The process of the clients under test: apart from proxies and backends, so that what the clients leave behind, or let
// escape, is theirs. It makes one run after the other, as it is told.

interface Run {
  readonly calls: Calls;
  readonly delay: LoopDelay;
  readonly load: Load;
  readonly before: Holdings;
  readonly startedMs: number;
  records: readonly CallRecord[];
  absentShare: number;
  stats: Readonly<Record<string, unknown>> | undefined;
}

let run: Run | undefined;
let strays: string[] = [];
const stray = (kind: string) => (error: unknown) =>
  void strays.push(`${kind}: ${error instanceof Error ? error.stack : String(error)}`);
process.on("uncaughtException", stray("uncaught exception"));
process.on("unhandledRejection", stray("unhandled rejection"));
takeOverNames();

async function obey(command: CallerCommand): Promise<CallerWord> {
  switch (command.do) {
    case "name":
      setName(command.name, command.addresses);
      return { said: "name" };
    case "start": {
      const client = [...OURS, ...OTHERS].find(({ name }) => name === command.client);
      if (client === undefined) throw new Error(`there is no client ${command.client}`);
      strays = [];
      const before = holdings();
      const calls = client.dial(command.target);
      const delay = watchLoopDelay();
      const load = startLoad(calls, command.plan, delay);
      run = { calls, delay, load, before, startedMs: nowMs(), records: [], absentShare: 0, stats: undefined };
      return { said: "start" };
    }
    case "burst":
      underWay().load.burst(command.burst);
      return { said: "burst" };
    case "settle": {
      const current = underWay();
      current.records = await current.load.end();
      const now = nowMs();
      current.absentShare = current.delay.between(current.startedMs, now) / (now - current.startedMs);
      current.stats = current.calls.stats?.();
      return { said: "settle" };
    }
    case "close": {
      const { calls, delay, before, records, stats, absentShare } = underWay();
      run = undefined;
      delay[Symbol.dispose]();
      await calls[Symbol.asyncDispose]();
      const leftovers = await leftoversSince(before);
      const report = { calls: records, strays, leftovers, worstAbsenceMs: delay.worst(), absentShare };
      return { said: "close", report: { ...report, ...(stats && { stats }) } };
    }
  }
}

function underWay(): Run {
  if (run === undefined) throw new Error("no load is under way");
  return run;
}

process.on("message", (command: CallerCommand) => {
  obey(command).then(
    (word) => process.send?.(word),
    (error: unknown) => process.send?.({ said: "failed", why: String(error) }),
  );
});
