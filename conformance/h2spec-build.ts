import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** The first build fetches a dozen modules and compiles Go's own library; a later one takes no second. */
const buildWithinMs = 240_000;

/**
 * Builds h2spec from the versions that conformance/h2spec/go.mod and go.sum pin.
 *
 * @returns the program's path, or a sentence that says what is missing
 * @throws Error with Go's own words where it does not build
 */
export async function buildH2spec(root: string): Promise<{ program: string } | { missing: string }> {
  if (!(await hasGo())) {
    return { missing: "h2spec is built from Go source, and there is no `go` (1.24 or later) in PATH." };
  }
  const program = join(root, ".cache/h2spec");
  await mkdir(join(root, ".cache"), { recursive: true });
  try {
    await run("go", ["build", "-o", program, "github.com/summerwind/h2spec/cmd/h2spec"], {
      cwd: join(root, "conformance/h2spec"),
      // A workspace around the repository, or a vendor folder's mode, would choose other versions.
      env: { ...process.env, GOWORK: "off", GOFLAGS: "-mod=readonly -buildvcs=false" },
      timeout: buildWithinMs,
    });
  } catch (error) {
    throw new Error(`h2spec does not build: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
  return { program };
}

async function hasGo(): Promise<boolean> {
  return run("go", ["version"], { timeout: 10_000 }).then(
    () => true,
    () => false,
  );
}
