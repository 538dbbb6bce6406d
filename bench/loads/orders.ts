import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

/** A program that is told over and over to do something a number of times, and says when it has. */
export interface Worker extends Disposable {
  readonly pid: number;
  /**
   * What the program makes of it.
   *
   * @throws Error where it fails, or is not done in time
   */
  run(order: object): Promise<unknown>;
}

const WITHIN_MS = 120_000;

/** What the program answers. */
type Outcome = { readonly result: unknown } | { readonly error: string };

/** Starts a module of loads/ on a core, in a process that ends with this one. */
export async function startWorker(
  module: string,
  core: 0 | 1,
  args: readonly string[] = [],
  nodeOptions: readonly string[] = [],
): Promise<Worker> {
  const flags = ["-c", String(core), process.execPath, "--conditions=portico-source", ...nodeOptions];
  const child: ChildProcess = fork(join(import.meta.dirname, module), args, {
    execPath: "taskset",
    execArgv: flags,
    env: { ...process.env, NODE_ENV: "production" },
  });
  await once(child, "spawn");
  return {
    pid: child.pid as number, // it was spawned
    async run(order) {
      const over = new AbortController();
      const signal = AbortSignal.any([over.signal, AbortSignal.timeout(WITHIN_MS)]);
      const answered = once(child, "message", { signal });
      const ended = once(child, "exit", { signal }).then(() => [{ error: "it has ended" }]);
      ended.catch(() => undefined); // the answer is what is waited for
      child.send(order);
      const [outcome] = (await Promise.race([answered, ended])) as [Outcome];
      over.abort(); // lets go of the listener that was not needed
      if ("error" in outcome) throw new Error(`${module} failed: ${outcome.error}`);
      return outcome.result;
    },
    [Symbol.dispose]: () => void child.kill("SIGKILL"),
  };
}

/** The other side of it: does what it is ordered. Ends with who ordered it. */
export function takeOrders<Order>(act: (order: Order) => Promise<unknown>): void {
  process.on("disconnect", () => process.exit(0));
  process.on("message", (order: Order) => {
    act(order).then(
      (result) => process.send?.({ result } satisfies Outcome),
      (error: unknown) => process.send?.({ error: error instanceof Error ? error.message : String(error) }),
    );
  });
}
