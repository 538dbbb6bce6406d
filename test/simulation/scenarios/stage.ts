import { Code } from "@connectrpc/connect";
import type { FaultRun, VirtualStage } from "../fault-run.ts";
import type { LinkedServer } from "../link-network.ts";

// What scenarios do to the connections of a stage, and what they ask of a run.

export const connectionsOf = ({ backends }: VirtualStage): readonly LinkedServer[] =>
  backends.flatMap(({ connections }) => connections);

export function resetAll(stage: VirtualStage): void {
  for (const { link } of connectionsOf(stage)) link.reset();
}

export const setConnecting = ({ backends }: VirtualStage, connecting: "accept" | "refuse" | "ignore") => {
  for (const backend of backends) backend.connecting = connecting;
};

/** Does something with the connections that there are, and with each that is made. */
export function withAll(stage: VirtualStage, then: (connection: LinkedServer) => void): void {
  for (const connection of connectionsOf(stage)) then(connection);
  withNew(stage, then);
}

export function withNew({ backends }: VirtualStage, then: (connection: LinkedServer) => void): void {
  for (const backend of backends) backend.onConnection = then;
}

export const failed = ({ calls }: FaultRun) => calls.filter(({ code }) => code !== undefined);
/** The fault was felt. */
export const someFail = (run: FaultRun) => (failed(run).length > 0 ? [] : ["the fault never happened: no call failed"]);
export const allSucceed = (run: FaultRun) => {
  const [first, ...others] = failed(run);
  return first === undefined ? [] : [`${others.length + 1} calls failed: ${first.error}`];
};

/** Does something with the connections while calls are under way on them. */
export function underWay(stage: VirtualStage, then: (connection: LinkedServer) => void): void {
  stage.backends[0].temper.delayMs = 300;
  stage.burst(20, "once", 1000);
  stage.clock.schedule(20, () => {
    for (const connection of connectionsOf(stage)) then(connection);
  });
}

/** The calls that were under way have failed as soon as it was known, 20 ms after the fault began. */
export function failAtOnce({ calls, beganAt }: FaultRun): readonly string[] {
  const burst = calls.filter(({ isOfBurst }) => isOfBurst);
  const late = burst.filter(({ code, settledAt = Number.POSITIVE_INFINITY }) => {
    return code !== Code.Unavailable || settledAt > beganAt + 22;
  });
  return late.length === 0 ? [] : [`${late.length} calls did not fail at once`];
}
