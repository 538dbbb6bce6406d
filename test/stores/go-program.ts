import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { CACHE, findProgram, runProgram } from "../peers/programs.ts";
import { until } from "../support/until.ts";

/** What a cold build may take: it fetches and compiles everything. With Go's own cache it takes less than a second. */
export const GO_BUILD_MS = 240_000;

export interface GoProgram {
  /** What the program is called in the cache. */
  readonly name: string;
  /** The folder with its main package, go.mod and go.sum. */
  readonly folder: string;
  /** Go build tags. Default: none. */
  readonly tags?: readonly string[];
}

/** A workspace around the repository, or a vendor folder's mode, would choose other versions than go.mod and go.sum. */
const ENVIRONMENT = { GOWORK: "off", GOFLAGS: "-mod=readonly -buildvcs=false" };

/** What a machine lacks, by what Go says then. */
const LACKS: readonly (readonly [RegExp, string])[] = [
  [
    /dial tcp|no such host|i\/o timeout|TLS handshake timeout|connection refused|disabled by GOPROXY/,
    "no module proxy to reach",
  ],
  [/requires go >= /, "an older Go here"],
];

/**
 * Builds a Go program, or finds that it is built already.
 *
 * @returns its path, or a few words on what the machine lacks
 * @throws Error with Go's own words where it does not build for another reason
 */
export async function buildGoProgram(
  wanted: GoProgram,
): Promise<{ readonly path: string } | { readonly lacks: string }> {
  const go = findProgram("go");
  if (go === undefined) return { lacks: "no Go here" };
  await mkdir(CACHE, { recursive: true });
  using _turn = await waitForTurn(wanted.name);
  const path = join(CACHE, wanted.name);
  const args = ["build", "-tags", (wanted.tags ?? []).join(), "-o", path, "."];
  // Tests that watch the clock run beside it.
  const { exit, stderr } = await runProgram("nice", ["-n", "5", go, ...args], {
    cwd: wanted.folder,
    env: ENVIRONMENT,
    timeoutMs: GO_BUILD_MS,
  });
  if (exit === 0) return { path };
  const lacks = LACKS.find(([says]) => says.test(stderr))?.[1];
  if (lacks !== undefined) return { lacks };
  throw new Error(`${wanted.name} does not build (${exit}):\n${stderr}`);
}

/** One test file builds while the others wait. SQLite's lock is let go of by a process that is killed, too. */
async function waitForTurn(name: string): Promise<Disposable> {
  const lock = new DatabaseSync(join(CACHE, `${name}.lock`), { timeout: 0 });
  await until(() => isLockedNow(lock), GO_BUILD_MS);
  return lock;
}

function isLockedNow(lock: DatabaseSync): boolean {
  const SQLITE_BUSY = 5;
  try {
    lock.exec("BEGIN EXCLUSIVE");
    return true;
  } catch (error) {
    if (error instanceof Error && "errcode" in error && error.errcode === SQLITE_BUSY) return false;
    throw error;
  }
}
