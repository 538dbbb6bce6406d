import { AsyncLocalStorage } from "node:async_hooks";
import type { Clock } from "../call/clock.ts";

/** Runs what outlives the calls in which it begins, such as a connection, so that it does not hold on to them. */
export const outsideOfCalls = AsyncLocalStorage.snapshot();

/** A clock whose timers hold on to no call. */
export function clockOutsideOfCalls(clock: Clock): Clock {
  return { now: () => clock.now(), schedule: (ms, callback) => outsideOfCalls(() => clock.schedule(ms, callback)) };
}
