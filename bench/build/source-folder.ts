import { createHash } from "node:crypto";
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** The repository's folder. */
export const ROOT = join(import.meta.dirname, "../..");

/** Everything that is built for the benchmark, in a folder that git ignores. */
export const BUILT = join(ROOT, ".cache/bench");

/** A peer that is built from source. */
export interface SourceFolder {
  /** What its folder below {@link BUILT} is called. */
  readonly name: string;
  /** Its sources, a folder of the repository. */
  readonly sources: string;
  /** Builds it in the folder, which has its sources, and all schemas in `proto/`. */
  build(folder: string): Promise<void>;
}

/** The schemas that peers serve, and those that they import, by the folders that their packages begin in. */
const SCHEMAS = ["proto/name", "proto/portico", "bench/peers/proto/bench"];

/**
 * Builds a peer where its sources, or the schemas, are not those of the last time.
 *
 * @returns the folder that it was built in
 */
export async function buildOnce({ name, sources, build }: SourceFolder): Promise<string> {
  const folder = join(BUILT, name);
  const stamp = join(folder, ".built-from");
  const wanted = await digestOf([sources, ...SCHEMAS]);
  if ((await readFile(stamp, "utf8").catch(() => "")) === wanted) return folder;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await cp(join(ROOT, sources), folder, { recursive: true });
  await copySchemas(folder);
  await build(folder);
  await writeFile(stamp, wanted);
  return folder;
}

/** Makes `folder` a workspace of buf with all schemas. */
export async function copySchemas(folder: string): Promise<void> {
  for (const schema of SCHEMAS) {
    await cp(join(ROOT, schema), join(folder, "proto", schema.replace(/^.*\//, "")), { recursive: true });
  }
  await writeFile(join(folder, "buf.yaml"), "version: v2\nmodules:\n  - path: proto\n");
}

async function digestOf(folders: readonly string[]): Promise<string> {
  const hash = createHash("sha256");
  for (const folder of folders) {
    const entries = await readdir(join(ROOT, folder), { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    for (const file of files.toSorted()) {
      hash.update(`${file.slice(ROOT.length)}\0`).update(await readFile(file));
    }
  }
  return hash.digest("hex");
}
