import { copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { runBuf } from "./buf.ts";

/** A file below `gen/` that is not as `buf generate` makes it. */
export interface Difference {
  /** Below `gen/`. */
  readonly path: string;
  readonly kind: "missing" | "outdated" | "superfluous";
}

/** What a generation found, or why there is none: buf's messages. */
export type Generation =
  | { readonly isSuccess: true; readonly differences: readonly Difference[] }
  | { readonly isSuccess: false; readonly output: string };

/**
 * Generates the code anew, beside `gen/`, and compares.
 * @param root The repository's folder.
 * @param accept Whether to bring `gen/` up to date as well: file by file, each at once, and only those that differ, so
 *   that whoever loads or watches it never meets one half-written or rewritten for nothing. `buf generate` itself
 *   empties the folder first.
 */
export async function generate(root: string, { accept }: { readonly accept: boolean }): Promise<Generation> {
  const fresh = await mkdtemp(join(tmpdir(), "portico-gen-"));
  try {
    const { isSuccess, output } = await runBuf(root, ["generate", "--output", fresh]);
    if (!isSuccess) return { isSuccess, output };
    const source = join(fresh, "gen");
    const target = join(root, "gen");
    const differences = await compare(source, target);
    if (accept) for (const difference of differences) await bringUpToDate(source, target, difference);
    return { isSuccess, differences };
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

async function compare(source: string, target: string): Promise<readonly Difference[]> {
  const [wanted, present] = await Promise.all([filesBelow(source), filesBelow(target)]);
  const differences = await Promise.all(
    [...new Set([...wanted, ...present])].sort().map(async (path): Promise<Difference | undefined> => {
      if (!present.has(path)) return { path, kind: "missing" };
      if (!wanted.has(path)) return { path, kind: "superfluous" };
      const [before, after] = await Promise.all([readFile(join(target, path)), readFile(join(source, path))]);
      return before.equals(after) ? undefined : { path, kind: "outdated" };
    }),
  );
  return differences.filter((difference) => difference !== undefined);
}

async function filesBelow(folder: string): Promise<ReadonlySet<string>> {
  await mkdir(folder, { recursive: true });
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return new Set(
    entries
      .filter((entry) => !entry.isDirectory())
      .map((entry) => relative(folder, join(entry.parentPath, entry.name))),
  );
}

async function bringUpToDate(source: string, target: string, { path, kind }: Difference): Promise<void> {
  const file = join(target, path);
  if (kind === "superfluous") return rm(file);
  const part = `${file}~`;
  await mkdir(dirname(file), { recursive: true });
  await copyFile(join(source, path), part);
  await rename(part, file);
}
