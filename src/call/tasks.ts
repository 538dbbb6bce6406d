import type { ConnectError } from "@connectrpc/connect";
import type { Logger } from "./logger.ts";

/** Work that outlives the call that began it; drain waits for it. */
export interface Tasks {
  /** Runs `work` at once. Its failure is logged under `name`, and is nobody else's. */
  start(name: string, work: (signal: AbortSignal) => unknown): void;
  /** How many are under way. */
  readonly active: number;
  /** Resolves once nothing is under way. */
  settled(): Promise<void>;
  /** Aborts the signal that every task was given: the grace of a shutdown is over. */
  cancel(reason: ConnectError): void;
}

export function createTasks(log: Logger): Tasks {
  const underWay = new Set<Promise<void>>();
  const cancellation = new AbortController();
  return {
    start(name, work) {
      const task = (async () => work(cancellation.signal))().then(
        () => undefined,
        (error: unknown) => log.error({ err: error }, `detached work failed: ${name}`),
      );
      underWay.add(task);
      void task.finally(() => underWay.delete(task));
    },
    get active() {
      return underWay.size;
    },
    async settled() {
      while (underWay.size > 0) {
        await Promise.all(underWay);
      }
    },
    cancel(reason) {
      cancellation.abort(reason);
    },
  };
}
