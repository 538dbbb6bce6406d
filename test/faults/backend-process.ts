import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { ServedCall } from "./backend.ts";
import type { CallKind } from "./load-plan.ts";
import { nowMs } from "./monotonic.ts";

/** A replica in a process of its own. */
export interface BackendProcess extends AsyncDisposable {
  readonly served: readonly ServedCall[];
  /** Opens a port of 127.0.0.1; resolves with it once it listens. */
  listen(port?: number): Promise<number>;
  /** Ends it as `kill -9` does. */
  kill(): Promise<void>;
}

/** Starts one, which does not listen yet. */
export async function startBackendProcess(): Promise<BackendProcess> {
  const child = fork(new URL("./backend-main.ts", import.meta.url), [], {
    execArgv: ["--conditions=portico-source"],
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  const served: ServedCall[] = [];
  const exit = once(child, "exit");
  readRuns(child, served);
  const kill = async () => {
    child.kill("SIGKILL");
    await exit;
  };
  await once(child, "message");
  return {
    served,
    async listen(port = 0) {
      child.send(port);
      const [opened] = (await once(child, "message")) as [number]; // all that it says after the first word
      return opened;
    },
    kill,
    [Symbol.asyncDispose]: kill,
  };
}

function readRuns({ stderr }: ChildProcess, served: ServedCall[]): void {
  if (stderr === null) return;
  createInterface({ input: stderr }).on("line", (line) => {
    const [, kind, id] = /^ran (\w+) (\d+)$/.exec(line) ?? [];
    if (kind !== undefined)
      served.push({ kind: kind as CallKind, id: Number(id), atMs: nowMs() }); // as it says it
    else process.stderr.write(`backend: ${line}\n`);
  });
}
