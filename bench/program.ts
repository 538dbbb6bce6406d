import { type ChildProcess, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { ROOT } from "./build/source-folder.ts";

export interface ProgramOptions {
  /** The program and what it takes. It has to stay one process. */
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Finds the port, as its group `port`, in what the program prints once it listens. */
  readonly listening: RegExp;
  readonly withinMs: number;
  /** A file, open for appending, that takes its standard output in the place of a pipe. */
  readonly output?: { readonly path: string; readonly descriptor: number };
}

/** A program that serves and knows nothing of who started it: unlike what tools/server-process.ts starts. */
export interface Program extends AsyncDisposable {
  readonly pid: number;
  readonly port: number;
  /** From the moment before it was started to the one in which it was seen to listen. */
  readonly readyMs: number;
  isRunning(): boolean;
  /** The end of what it has printed, but for what went to a file. */
  output(): string;
}

const STOP_WITHIN_MS = 5_000;
const KEPT_CHARS = 10_000;
const FILE_POLL_MS = 20;

/** It ends with this process, however this one ends. */
const END_WITH_PARENT = ["setpriv", "--pdeathsig", "KILL"];

/**
 * Starts a program, and waits until it listens.
 *
 * @throws Error with what it printed, where it ends before or does not listen in time
 */
export async function startProgram(options: ProgramOptions): Promise<Program> {
  const { command, env, listening, withinMs, output: file } = options;
  const startedAt = performance.now();
  const child = spawn(END_WITH_PARENT[0] as string, [...END_WITH_PARENT.slice(1), ...command], {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ["ignore", file?.descriptor ?? "pipe", "pipe"],
  });
  const ended = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", () => resolve());
  });
  const output = keepOutput(child);
  const stop = async () => {
    child.kill("SIGTERM");
    if ((await Promise.race([ended, delay(STOP_WITHIN_MS, "late", { ref: false })])) === "late") child.kill("SIGKILL");
    await ended;
  };
  const late = AbortSignal.timeout(withinMs);
  let match: RegExpExecArray | null = null;
  while (match === null && !late.aborted && child.exitCode === null && child.signalCode === null) {
    await Promise.race([file === undefined ? output.more() : delay(FILE_POLL_MS), ended, delay(1_000)]);
    match = listening.exec(file === undefined ? output.kept() : await readFile(file.path, "utf8"));
  }
  const readyMs = performance.now() - startedAt;
  if (match === null || child.pid === undefined) {
    await stop();
    throw new Error(`${command.join(" ")} does not serve.\n${output.kept()}`);
  }
  return {
    pid: child.pid,
    port: Number(match.groups?.["port"]),
    readyMs,
    isRunning: () => child.exitCode === null && child.signalCode === null,
    output: output.kept,
    [Symbol.asyncDispose]: stop,
  };
}

/** Reads what a program prints, so that it never waits for a reader; keeps the end. */
function keepOutput(child: ChildProcess): { kept(): string; more(): Promise<void> } {
  let text = "";
  let tell: () => void = () => undefined;
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (chunk: string) => {
      text = (text + chunk).slice(-KEPT_CHARS);
      tell();
    });
  }
  return {
    kept: () => text,
    more: () =>
      new Promise((resolve) => {
        tell = resolve;
      }),
  };
}
