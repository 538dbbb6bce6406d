import { type ChildProcessByStdio, spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import type { LogLine } from "portico/testing";
import { until } from "./until.ts";

const REPOSITORY = join(import.meta.dirname, "../..");

/** A service that runs as users run it: a process with nothing but the environment that it is given. */
export interface ServiceProcess extends AsyncDisposable {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  stdout(): string;
  stderr(): string;
  /** The lines of its log so far. Throws where a line is no JSON. */
  logs(): readonly LogLine[];
  /** Where it listens; waits until it does, and fails when it ends before. */
  url(): Promise<string>;
  /** The exit code, or the name of the signal that ended it. */
  readonly exit: Promise<number | string>;
  /** Sends a signal and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<number | string>;
}

/** Starts `main`, a path in the repository. A port that is not given is free. */
export function startProcess(main: string, env: Readonly<Record<string, string>> = {}): ServiceProcess {
  const child = spawn(process.execPath, ["--conditions=portico-source", main], {
    cwd: REPOSITORY,
    env: { PATH: process.env["PATH"] ?? "", HOST: "127.0.0.1", PORT: "0", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  let ended: number | string | undefined;
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const exit = new Promise<number | string>((resolve) => {
    child.once("close", (code, signal) => {
      ended = code ?? signal ?? "unknown";
      resolve(ended);
    });
  });
  const logs = () =>
    stdout
      .split("\n")
      .slice(0, -1) // the last may not be whole yet
      .map((line) => JSON.parse(line) as LogLine); // the shape of every line
  return {
    child,
    exit,
    logs,
    stdout: () => stdout,
    stderr: () => stderr,
    url: () =>
      until(() => {
        if (ended !== undefined) throw new Error(`${main} ended with ${ended} before it listened:\n${stdout}${stderr}`);
        const address = /action=start, status=success, address=([^\s"]+)/.exec(stdout)?.[1];
        return address === undefined ? undefined : `http://${address}`;
      }, 20_000),
    stop(signal = "SIGTERM") {
      child.kill(signal);
      return exit;
    },
    async [Symbol.asyncDispose]() {
      if (ended === undefined) child.kill("SIGKILL");
      await exit;
    },
  };
}

/** How many files, sockets and the like a process has open. */
export function openFiles({ child }: ServiceProcess): number {
  return readdirSync(`/proc/${child.pid}/fd`).length;
}

export const NAME = "src/services/name/main.ts";
export const GREETER = "src/services/greeter/main.ts";
