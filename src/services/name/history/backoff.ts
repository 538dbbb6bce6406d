/** Bounds the first wait, and every wait. */
const INITIAL_MS = 100;
const MAX_MS = 5_000;

/**
 * Milliseconds to wait before the next try: anything from 0 up to a bound that doubles from 100 ms to 5 s ("full jitter"), so
 * that those whom a store failed at once do not come back at once.
 * @param failures how many there were in a row, from 1 on
 * @param random numbers from 0 to 1, without 1
 */
export function backoffMs(failures: number, random: () => number): number {
  return random() * Math.min(MAX_MS, INITIAL_MS * 2 ** (failures - 1));
}
