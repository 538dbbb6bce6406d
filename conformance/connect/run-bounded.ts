import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";

export interface BoundedOptions {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly withinMs: number;
}

/** Runs a program to its end, or to that of its time; whatever it has started ends with it, or with this process. */
export async function runBounded(
  program: string,
  args: readonly string[],
  { cwd, env, withinMs }: BoundedOptions,
): Promise<{ readonly stdout: string; readonly stderr: string; readonly isLate: boolean }> {
  // A process group of its own: the runner does not see to its children where it is killed.
  const child = spawn(program, args, { cwd, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  const killAll = () => {
    if (child.pid !== undefined && child.exitCode === null) {
      process.kill(-child.pid, "SIGKILL");
    }
  };
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    killAll();
  }, withinMs);
  process.once("exit", killAll);
  try {
    const ended = new Promise<void>((resolve, reject) => child.once("close", () => resolve()).once("error", reject));
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
    return { stdout, stderr, isLate };
  } finally {
    clearTimeout(timer);
    process.off("exit", killAll);
  }
}
