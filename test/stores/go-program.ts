import { join } from "node:path";
import { CACHE, findProgram, runProgram } from "../peers/programs.ts";
import { waitForTurn } from "../peers/turn.ts";

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
  using _turn = await waitForTurn(wanted.name, GO_BUILD_MS);
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
