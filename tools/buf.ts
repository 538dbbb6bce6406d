import { spawn } from "node:child_process";
import { delimiter, join } from "node:path";
import { text } from "node:stream/consumers";

/** How a run of buf ended, with all that it printed: its messages start with `file:line:column:`. */
export interface BufResult {
  readonly isSuccess: boolean;
  readonly output: string;
}

/**
 * Runs the buf of node_modules.
 * @param root The repository's folder; its node_modules also has the plugins, which buf looks for in `PATH`.
 * @param cwd Where to run it, if not there.
 */
export async function runBuf(root: string, args: readonly string[], cwd = root): Promise<BufResult> {
  const programs = join(root, "node_modules/.bin");
  const child = spawn(join(programs, "buf"), args, {
    cwd,
    env: { ...process.env, PATH: [programs, process.env["PATH"]].join(delimiter) },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const exitCode = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  const [code, stdout, stderr] = await Promise.all([exitCode, text(child.stdout), text(child.stderr)]);
  return { isSuccess: code === 0, output: (stdout + stderr).trim() };
}
