import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";

const REPOSITORY = join(import.meta.dirname, "../..");

/** Where tests keep what they build or install; not part of the repository. */
export const CACHE = join(REPOSITORY, ".cache/peers");

/** The path of an installed program, Go's among them; undefined where there is none. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), join(homedir(), "go", "bin")];
  return folders
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** What a title of skipped tests says of a program that is missing. */
export function noteOn(name: string, path: string | undefined): string {
  return path === undefined ? `${name} (not installed)` : name;
}

export interface Ran {
  readonly exit: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string | Uint8Array;
  readonly cwd?: string;
  /** Default 25 s: less than a test has. */
  readonly timeoutMs?: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs a program to its end; standard output is read as bytes, one character each. */
export function runProgram(path: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const { input, cwd = REPOSITORY, timeoutMs = 25_000, env = {} } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(path, args, {
      cwd,
      timeout: timeoutMs,
      killSignal: "SIGKILL",
      env: { ...process.env, ...env },
    });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("latin1").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    child.stdin.on("error", () => undefined); // it may end without reading all of it
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ exit: code ?? signal ?? "unknown", stdout, stderr }));
    child.stdin.end(input);
  });
}
