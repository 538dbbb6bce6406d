/** How long to wait between failures; every figure is above 0. */
export interface Backoff {
  /** Bounds the first wait, in milliseconds. */
  readonly initialMs: number;
  /** Bounds every wait, in milliseconds. */
  readonly maxMs: number;
  /** By what the bound grows with every failure. */
  readonly multiplier: number;
}

/**
 * Milliseconds to wait, not whole ones: anything from 0 up to a bound that grows exponentially ("full jitter" in AWS's
 * "Exponential Backoff And Jitter", the back-off of gRPC A6). Those that failed together so come back spread evenly, which a
 * wait with a lower bound would not do.
 * @param failures how many waits went before this one: 0 for the first
 * @param random numbers from 0 to 1, without 1
 */
export function backoffMs(failures: number, { initialMs, maxMs, multiplier }: Backoff, random: () => number): number {
  return random() * Math.min(maxMs, initialMs * multiplier ** failures);
}
