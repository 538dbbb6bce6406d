import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/** A first build downloads what it depends on. */
const BUILD_WITHIN_MS = 300_000;

/** Whether a program is there and runs. */
export async function hasProgram(name: string, flag: string): Promise<boolean> {
  return run(name, [flag], { timeout: 10_000 }).then(
    () => true,
    () => false,
  );
}

/** What a program prints. Throws with that where it fails. */
export async function runProgram(
  program: string,
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const options = { cwd, env: { ...process.env, ...env }, timeout: BUILD_WITHIN_MS, maxBuffer: 64 * 1024 * 1024 };
  try {
    return (await run(program, args, options)).stdout;
  } catch (error) {
    const printed = error instanceof Error && "stdout" in error && "stderr" in error ? error : undefined;
    throw new Error(`${program} ${args.join(" ")} failed:\n${printed?.stdout ?? ""}${printed?.stderr ?? error}`, {
      cause: error,
    });
  }
}
