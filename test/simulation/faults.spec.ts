import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type FaultRun, runFault } from "./fault-run.ts";
import { VIRTUAL_SCENARIOS } from "./fault-scenarios.ts";

// No time passes by itself, and nothing may wait for it: what a socket lingers is not the client's.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
});
afterEach(() => {
  vi.useRealTimers();
});

const SEEDS = [1, 2, 3];
const rows = ["wire; scenario; calls; failed; worst overrun in ms; recovery in ms"];
afterAll(() => console.log(rows.join("\n")));

const sumOf = (runs: readonly FaultRun[], of: (run: FaultRun) => number) => runs.reduce((sum, run) => sum + of(run), 0);
const worstOf = (runs: readonly FaultRun[], of: (run: FaultRun) => number) => Math.round(Math.max(...runs.map(of)));
const failedIn = ({ calls }: FaultRun) => calls.filter(({ code }) => code !== undefined).length;

describe.each(["grpc", "grpc-web", "connect"] as const)(
  "every call by %s settles within 50 ms of its deadline, and all is well a second after",
  (protocol) => {
    test.each(VIRTUAL_SCENARIOS)("$name", async (scenario) => {
      const runs: FaultRun[] = [];
      for (const seed of SEEDS) runs.push(await runFault(scenario, { protocol }, seed));
      const [overrun, recovery] = [worstOf(runs, (run) => run.worstOverrunMs), worstOf(runs, (run) => run.recoveryMs)];
      const calls = sumOf(runs, (run) => run.calls.length);
      rows.push(`${protocol}; ${scenario.name}; ${calls}; ${sumOf(runs, failedIn)}; ${overrun}; ${recovery}`);
      expect(runs.map(({ complaints }) => complaints)).toEqual(SEEDS.map(() => []));
    });
  },
);
