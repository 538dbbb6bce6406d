/** What a process holds, after a collection. */
export interface Sample {
  /** MiB of the heap that are in use. */
  readonly heapMib: number;
  readonly timers: number;
  readonly sockets: number;
}

/** Samples this process, which has to run with `--expose-gc`. */
export function sample(): Sample {
  const collect = globalThis.gc;
  if (collect === undefined) {
    throw new Error("a soak needs node --expose-gc");
  }
  collect();
  collect(); // what finalizers let go
  const resources = process.getActiveResourcesInfo();
  const count = (pattern: RegExp) => resources.filter((name) => pattern.test(name)).length;
  return {
    heapMib: process.memoryUsage().heapUsed / 2 ** 20,
    timers: count(/Timeout/),
    sockets: count(/TCPSocket|TLS/),
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
