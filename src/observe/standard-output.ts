import { type DestinationStream, pino } from "pino";

/** Standard output as a log's destination. */
export interface StandardOutput {
  readonly destination: DestinationStream;
  /** Resolves when all lines are written, or after {@link FLUSH_MS}: whoever reads may have stopped. */
  flush(): Promise<void>;
}

/** What waits for a slow reader, in bytes; further lines are dropped, and counted. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024;
const FLUSH_MS = 1000;

/** Writes lines one behind the other without waiting for them: a reader that stalls must not stop the service. */
export function standardOutput(): StandardOutput {
  const destination = pino.destination({ fd: 1, sync: false, maxLength: MAX_WAITING_BYTES });
  let dropped = 0;
  destination.on("drop", () => {
    dropped++;
  });
  destination.on("drain", () => {
    if (dropped > 0) {
      process.stderr.write(`${dropped} lines of the log were dropped: standard output is not read fast enough\n`);
      dropped = 0;
    }
  });
  return {
    destination,
    flush: () =>
      new Promise((resolve) => {
        const timer = setTimeout(resolve, FLUSH_MS);
        destination.flush(() => {
          clearTimeout(timer);
          resolve();
        });
      }),
  };
}
