/** Signals within this time of the first are the same wish: under npm, one Ctrl-C arrives more than once. */
const sameWishMs = 1_000;

/**
 * Listens for SIGINT, SIGTERM and SIGHUP (the terminal was closed) until the process ends.
 * @param onFirst Called once.
 * @param onAgain Called for a signal that comes a second or more after the first: whoever sends it will not wait.
 */
export function onStopSignal(onFirst: () => void, onAgain: (signal: NodeJS.Signals) => void): void {
  let firstAt: number | undefined;
  const take = (signal: NodeJS.Signals) => {
    const now = performance.now();
    if (firstAt === undefined) {
      firstAt = now;
      onFirst();
    } else if (now - firstAt >= sameWishMs) {
      onAgain(signal);
    }
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, take);
}
