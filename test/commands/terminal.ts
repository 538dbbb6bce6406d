import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { cleanEnvironment } from "../packaging/process.ts";
import { until } from "../support/until.ts";

/** A command as a terminal runs it: in a process group of its own, which Ctrl-C reaches as a whole. */
export interface Terminal extends AsyncDisposable {
  /** Everything that was printed so far, standard output and error in the order in which they came. */
  output(): string;
  /** Waits until the text is printed, at `from` or later in the output; fails when the command ends before. */
  shows(text: string, from?: number): Promise<void>;
  /** Waits until the probe says yes; a failure shows the output. */
  until(probe: () => Promise<boolean>): Promise<void>;
  /** What Ctrl-C does: SIGINT to every process of the group. */
  pressCtrlC(): void;
  /** Sends a signal to the command alone. */
  kill(signal: NodeJS.Signals): void;
  /** Waits for the end: the exit code, or the signal that ended it. */
  end(): Promise<number | string>;
  /** Everything that the command started and that still runs, in whatever process group; itself too. */
  processes(): Promise<readonly Process[]>;
}

export interface Process {
  readonly pid: number;
  readonly command: string;
}

const deadlineMs = 20_000;

/**
 * Runs a command line by `sh`.
 * @param env Variables besides the test's own.
 */
export function openTerminal(line: string, cwd: string, env: Readonly<Record<string, string>> = {}): Terminal {
  // Descendants inherit it, wherever they go: that is how they are found again.
  const mark = `PORTICO_TEST_TERMINAL=${randomUUID()}`;
  const [variable = "", value = ""] = mark.split("=");
  const child = spawn("sh", ["-c", `exec ${line}`], {
    cwd,
    env: { ...cleanEnvironment(), ...env, [variable]: value },
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = once(child, "exit");
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      printed += text;
    });
  }
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  const waitFor = async (probe: () => Promise<boolean>) => {
    try {
      await until(probe, deadlineMs);
    } catch (cause) {
      throw new Error(`${line} printed:\n${printed}`, { cause });
    }
  };

  return {
    output: () => printed,
    shows: (text, from = 0) =>
      waitFor(async () => {
        if (printed.includes(text, from)) return true;
        if (hasEnded()) throw new Error(`It ended before it printed ${JSON.stringify(text)}`);
        return false;
      }),
    until: waitFor,
    pressCtrlC() {
      if (child.pid !== undefined && !hasEnded()) process.kill(-child.pid, "SIGINT");
    },
    kill(signal) {
      child.kill(signal);
    },
    async end() {
      await waitFor(async () => hasEnded());
      const [code, signal] = await ended;
      return code ?? signal;
    },
    processes: () => processesWith(mark),
    async [Symbol.asyncDispose]() {
      for (const { pid } of await processesWith(mark)) killIfThere(pid);
      await waitFor(async () => (await processesWith(mark)).length === 0);
    },
  };
}

/** The processes that have the variable in their environment: Linux tells. */
async function processesWith(mark: string): Promise<readonly Process[]> {
  const pids = (await readdir("/proc")).filter((entry) => /^\d+$/.test(entry));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const environment = await readProcessFile(pid, "environ");
      if (!environment.includes(mark)) return undefined;
      return { pid: Number(pid), command: (await readProcessFile(pid, "cmdline")).join(" ") };
    }),
  );
  return found.filter((process) => process !== undefined);
}

async function readProcessFile(pid: string, name: "environ" | "cmdline"): Promise<readonly string[]> {
  try {
    return (await readFile(`/proc/${pid}/${name}`, "utf8")).split("\0");
  } catch {
    return []; // It has ended meanwhile, or is somebody else's.
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}
