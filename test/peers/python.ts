import { join } from "node:path";
import { CACHE, findProgram, type Ran, runProgram } from "./programs.ts";
import { waitForTurn } from "./turn.ts";

/** Of one time: what grpcio-tools makes of schemas needs the protobuf and grpcio that it was made for. */
const PACKAGES = ["grpcio==1.66.2", "grpcio-tools==1.66.2", "protobuf==5.29.6"];
const VENV = join(CACHE, "python");
const STEP_MS = 120_000;

/** What it takes where it is not there yet, while another test file installs it or not. */
export const PYTHON_INSTALL_MS = 4 * STEP_MS;

/** A Python with grpcio, and its folder of programs, to be found as `python3`; a few words on what the machine lacks otherwise. */
export type Python = { readonly path: string; readonly folder: string } | { readonly lacks: string };

let preparing: Promise<Python> | undefined;

/** Installs a Python with grpcio and grpcio-tools into the cache, or finds that it is there already. */
export function preparePython(): Promise<Python> {
  preparing ??= prepare();
  return preparing;
}

async function prepare(): Promise<Python> {
  const python = findProgram("python3");
  if (python === undefined) return { lacks: "no Python here" };
  const folder = join(VENV, "bin");
  const path = join(folder, "python3");
  using _turn = await waitForTurn("python", 2 * STEP_MS);
  if (await hasPackages(path)) return { path, folder };
  const made = await runProgram(python, ["-m", "venv", "--clear", VENV], { timeoutMs: STEP_MS });
  if (made.exit !== 0) return { lacks: "python3 has no venv" };
  const only = ["--only-binary=:all:", "--disable-pip-version-check", "--retries=1"]; // compiling takes far too long
  const installed = await runProgram(path, ["-m", "pip", "install", ...only, ...PACKAGES], { timeoutMs: STEP_MS });
  const isThere = installed.exit === 0 && (await hasPackages(path));
  return isThere ? { path, folder } : { lacks: `pip cannot install ${PACKAGES.join(" ")}` };
}

/** Runs one of the programs in python/. `modules` is a folder of those that it imports besides. */
export function runPython(python: string, program: string, args: readonly string[], modules = ""): Promise<Ran> {
  const path = join(import.meta.dirname, "python", program);
  // Compiled modules would be left in the repository.
  const env = { PYTHONDONTWRITEBYTECODE: "1", PYTHONPATH: modules };
  return runProgram(python, [path, ...args], { env });
}

async function hasPackages(python: string): Promise<boolean> {
  const program = `
import importlib.metadata as metadata, sys
sys.exit(any(metadata.version(name) != version for name, version in (each.split("==") for each in sys.argv[1:])))`;
  return await runProgram(python, ["-c", program, ...PACKAGES]).then(
    ({ exit }) => exit === 0,
    () => false, // it is not there
  );
}
