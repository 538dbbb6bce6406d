import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { runBuf } from "../../tools/buf.ts";

const run = promisify(execFile);

const MODULE = "connectrpc.com/conformance";
const VERSION = "v1.0.6";
/** The module's hash, as a go.sum would pin it: what it names a case and what a schema says must not change below us. */
const SUM = "h1:6XlWDDKemua7Sm6+Q9KLjyqQqRzOiC2i+sIllnqQ/7A=";

/** The first build fetches some twenty modules and compiles Go's own library; a later one takes a second. */
const buildWithinMs = 300_000;

/** The suite's runner, and the descriptors of its schema. */
export interface Suite {
  readonly program: string;
  /** A binary `google.protobuf.FileDescriptorSet`. */
  readonly schema: string;
}

/**
 * Builds the runner from Go source, and its schema from the `.proto` files that come with it, both into `.cache/`.
 *
 * @returns where they are, or a sentence that says what is missing
 * @throws Error with Go's or buf's own words where they do not build
 */
export async function obtainSuite(root: string): Promise<Suite | { missing: string }> {
  const go = (...args: string[]) =>
    run("go", args, {
      // Nothing of the repository is Go's to read; a workspace around it would choose other versions.
      env: { ...process.env, GOWORK: "off", GOFLAGS: "-mod=mod", GOBIN: folder },
      cwd: root,
      timeout: buildWithinMs,
    });
  const folder = join(root, ".cache/connect");
  await mkdir(folder, { recursive: true });
  try {
    await go("version");
  } catch {
    return { missing: "The Connect conformance suite is built from Go source, and there is no `go` (1.26) in PATH." };
  }
  try {
    const { stdout } = await go("mod", "download", "-json", `${MODULE}@${VERSION}`);
    const { Dir: source, Sum: sum } = JSON.parse(stdout) as Record<string, string>; // see `go help mod download`
    if (sum !== SUM || source === undefined) {
      throw new Error(`${MODULE}@${VERSION} has the hash ${sum}, and not ${SUM}`);
    }
    await go("install", `${MODULE}/cmd/connectconformance@${VERSION}`);
    const schema = join(folder, "schema.binpb");
    const { isSuccess, output } = await runBuf(root, ["build", join(source, "proto"), "-o", schema]);
    if (!isSuccess) {
      throw new Error(output);
    }
    return { program: join(folder, "connectconformance"), schema };
  } catch (error) {
    const reason = error instanceof Error ? error.message : error;
    throw new Error(`the Connect conformance suite does not build: ${reason}`, { cause: error });
  }
}
