import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

const root = join(import.meta.dirname, "..");
/** What a server has to end by itself before it is killed. */
const stopWithinMs = 5_000;
/** How much of its output is kept, for whoever has to say why it did not start. */
const keptChars = 10_000;

export interface ServerOptions {
  /** The module that serves, a path in the repository, and what it takes. */
  readonly module: string;
  readonly args?: readonly string[];
  /** Node's own options, such as `--expose-gc`. */
  readonly nodeOptions?: readonly string[];
  /** What the process is started by, such as `taskset`; it has to become the process by `exec`. */
  readonly wrapper?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Finds the port, as its group `port`, in what the server prints once it listens. */
  readonly listening: RegExp;
  readonly withinMs: number;
}

/** A server in a process of its own, which ends with this one however this one ends. */
export interface ServerProcess extends AsyncDisposable {
  readonly pid: number;
  readonly port: number;
  /** Whether it still runs. */
  isRunning(): boolean;
  /** The end of what it has printed. */
  output(): string;
  /** Sends a message and waits for the answer. Throws where there is none in time. */
  ask(message: string, withinMs: number): Promise<unknown>;
}

/**
 * Starts a server and waits until it listens.
 *
 * @throws Error with what it printed, where it ends before or does not listen in time
 */
export async function startServer(options: ServerOptions): Promise<ServerProcess> {
  const preload = join(root, "tools/end-with-parent.ts");
  const node = ["--conditions=portico-source", "--import", preload, ...(options.nodeOptions ?? [])];
  const command = [...(options.wrapper ?? []), process.execPath, ...node, options.module, ...(options.args ?? [])];
  const child = spawn(command[0] ?? process.execPath, command.slice(1), {
    cwd: root,
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  const ended = endOf(child).finally(() => process.off("exit", kill));
  const output = keepOutput(child);
  const stop = async () => {
    child.kill("SIGTERM");
    if ((await Promise.race([ended, delay(stopWithinMs, "late", { ref: false })])) === "late") kill();
    await ended;
  };
  const found = await Promise.race([
    output.find(options.listening),
    ended.then((how) => `it ${how}`),
    delay(options.withinMs, `it did not listen within ${options.withinMs / 1_000} s`, { ref: false }),
  ]);
  if (typeof found === "string" || child.pid === undefined) {
    await stop();
    throw new Error(`${options.module} does not serve: ${found}.\n${output.kept()}`);
  }
  return {
    pid: child.pid,
    port: Number(found.groups?.["port"]),
    isRunning: () => child.exitCode === null && child.signalCode === null,
    output: output.kept,
    ask: (message, withinMs) => ask(child, message, withinMs),
    [Symbol.asyncDispose]: stop,
  };
}

/** Reads what a process prints, so that it never waits for a reader; keeps the end. */
function keepOutput(child: ChildProcess): { kept(): string; find(pattern: RegExp): Promise<RegExpExecArray> } {
  let text = "";
  let look: (() => void) | undefined;
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (chunk: string) => {
      text = (text + chunk).slice(-keptChars);
      look?.();
    });
  }
  return {
    kept: () => text,
    find: (pattern) =>
      new Promise((resolve) => {
        look = () => {
          const match = pattern.exec(text);
          if (match === null) return;
          look = undefined;
          resolve(match);
        };
        look();
      }),
  };
}

async function ask(child: ChildProcess, message: string, withinMs: number): Promise<unknown> {
  child.send(message);
  const [answer] = await once(child, "message", { signal: AbortSignal.timeout(withinMs) });
  return answer;
}

async function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once("error", (error) => resolve(`could not be started: ${error.message}`));
    child.once("exit", (code, signal) => resolve(signal ? `was killed by ${signal}` : `exited with code ${code}`));
  });
}
