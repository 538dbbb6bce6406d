import { createHook } from "node:async_hooks";
import { setImmediate as nextTurn } from "node:timers/promises";

/** Timers and sockets that are there, by the ids of Node's resources: those that keep no process alive as well. */
const live = new Map<number, "timer" | "socket">();

createHook({
  init(id, type) {
    if (type === "Timeout") {
      live.set(id, "timer");
    } else if (type === "TCPWRAP") {
      live.set(id, "socket");
    }
  },
  destroy(id) {
    live.delete(id);
  },
}).enable();

/** What a process holds, after a collection. */
export interface Sample {
  /** MiB of the heap that are in use. */
  readonly heapMib: number;
  readonly timers: number;
  readonly sockets: number;
}

/** Samples this process, which has to run with `--expose-gc`. */
export async function sample(): Promise<Sample> {
  const collect = globalThis.gc;
  if (collect === undefined) {
    throw new Error("a soak needs node --expose-gc");
  }
  for (let times = 0; times < 3; times++) {
    collect();
    await nextTurn(); // what is collected is told, and lets more go
  }
  const kinds = [...live.values()];
  return {
    heapMib: process.memoryUsage().heapUsed / 2 ** 20,
    timers: kinds.filter((kind) => kind === "timer").length,
    sockets: kinds.filter((kind) => kind === "socket").length,
  };
}

/** Least-squares slope of values over times. */
export function slope(points: readonly (readonly [time: number, value: number])[]): number {
  const mean = (index: 0 | 1) => points.reduce((sum, point) => sum + point[index], 0) / points.length;
  const [meanTime, meanValue] = [mean(0), mean(1)];
  const covariance = points.reduce((sum, [time, value]) => sum + (time - meanTime) * (value - meanValue), 0);
  const variance = points.reduce((sum, [time]) => sum + (time - meanTime) ** 2, 0);
  return covariance / variance;
}
