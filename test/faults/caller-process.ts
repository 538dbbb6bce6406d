import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import type { CallerReport } from "./call-record.ts";
import type { CallerCommand, CallerWord } from "./caller-messages.ts";
import type { Target } from "./clients/tested-client.ts";
import type { Burst, LoadPlan } from "./load-plan.ts";

/** A process that calls by the clients under test, one run after the other. */
export interface Caller extends AsyncDisposable {
  /** Says what a name that ends in `.test` resolves to there; without an address it does not. */
  setName(name: string, addresses: readonly string[]): Promise<void>;
  start(client: string, target: Target, plan: LoadPlan): Promise<void>;
  burst(burst: Burst): Promise<void>;
  /** Begins no further call; resolves once all have settled, or have been given up. */
  settle(): Promise<void>;
  /** Closes the client. */
  close(): Promise<CallerReport>;
}

export function startCaller(): Caller {
  const child = fork(new URL("./caller.ts", import.meta.url), [], {
    execArgv: ["--conditions=portico-source"],
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    // What a test runner has set for itself is nothing that clients should find.
    env: { PATH: process.env["PATH"] ?? "", NODE_ENV: "production" },
  });
  const ask = questions(child);
  return {
    setName: async (name, addresses) => void (await ask({ do: "name", name, addresses })),
    start: async (client, target, plan) => void (await ask({ do: "start", client, target, plan })),
    burst: async (burst) => void (await ask({ do: "burst", burst })),
    settle: async () => void (await ask({ do: "settle" })),
    async close() {
      const word = await ask({ do: "close" });
      if (word.said !== "close") throw new Error(`the caller said ${word.said} to close`);
      return word.report;
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exit = once(child, "exit");
      child.kill("SIGKILL");
      await exit;
    },
  };
}

/** Asks one after the other. */
function questions(child: ChildProcess): (command: CallerCommand) => Promise<CallerWord> {
  let last: Promise<unknown> = Promise.resolve();
  const ended = new Promise<never>((_resolve, reject) => {
    child.once("exit", (code, signal) => reject(new Error(`the caller's process ended with ${code ?? signal}`)));
  });
  ended.catch(() => undefined); // told to whoever asks
  return (command) => {
    const asked = last.then(async () => {
      const word = new Promise<CallerWord>((resolve) => child.once("message", (said: CallerWord) => resolve(said)));
      child.send(command);
      const said = await Promise.race([word, ended]);
      if (said.said === "failed") throw new Error(said.why);
      return said;
    });
    last = asked.catch(() => undefined);
    return asked;
  };
}
