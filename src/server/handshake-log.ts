import type { Clock, Timer } from "../call/clock.ts";
import type { Logger } from "../call/logger.ts";

/** How often the log says that the same thing has happened again. */
const SUMMARY_MS = 60_000;
/** Kinds of failures that are told apart within that time; what OpenSSL says comes in few words. */
const MAX_KINDS = 50;

/** Logs connections that come to nothing: each kind at once, and how many more of it there were in each minute. */
export function handshakeLog(
  log: Logger,
  clock: Clock,
): { note(address: string, problem: string): void; close(): void } {
  const further = new Map<string, number>();
  let summing: Timer | undefined;

  function sum(): void {
    summing = undefined;
    for (const [problem, connections] of further) {
      if (connections > 0) {
        log.warn({ connections }, `again within a minute: ${problem}`);
      }
    }
    further.clear();
  }

  return {
    note(address, problem) {
      const known = further.get(problem);
      if (known !== undefined) {
        further.set(problem, known + 1);
      } else if (further.size < MAX_KINDS) {
        further.set(problem, 0);
        log.warn({ remote_address: address }, problem);
      }
      summing ??= clock.schedule(SUMMARY_MS, sum);
    },
    close() {
      summing?.cancel();
    },
  };
}
