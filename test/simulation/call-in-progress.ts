import { ActiveCall } from "../../src/call/call.ts";
import { runInCall } from "../../src/call/current.ts";
import type { Logger } from "../../src/call/logger.ts";
import { createTasks } from "../../src/call/tasks.ts";
import type { VirtualClock } from "./virtual-clock.ts";

const log: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/** A call of a service on virtual time, with what it has brought along, in which others are made. */
export function callInProgress(clock: VirtualClock, companions: ReadonlyMap<string, string> = new Map()) {
  const peer = { address: "10.0.0.9" };
  const call = new ActiveCall({ requestId: "r", log, clock, tasks: createTasks(log), peer, companions, secrets: [] });
  return { call, run: <T>(work: () => T): T => runInCall(call, work) };
}
