import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Pair } from "./authority.ts";

/** Reads `<name>.crt` and `<name>.key`; a text says why that cannot be done. */
export async function readPair(folder: string, name: string): Promise<Pair | string> {
  try {
    const [cert, key] = await Promise.all(pathsOf(folder, name).map((path) => readFile(path, "utf8")));
    return { cert: cert ?? "", key: key ?? "" };
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return "it is missing";
    return `it cannot be read: ${error instanceof Error ? error.message : error}`;
  }
}

/**
 * Writes pairs by name, for their owner's eyes only (0600), in a folder that is made (0700) where there is none. Each file is
 * replaced at once, in the order of the pairs, when all are written: whoever reads one meanwhile has the old or the new.
 */
export async function writePairs(folder: string, pairs: ReadonlyMap<string, Pair>): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const desk = await mkdtemp(join(folder, ".new-"));
  try {
    for (const [name, { cert, key }] of pairs) {
      const [certPath, keyPath] = pathsOf(desk, name);
      await writeFile(certPath, cert, { mode: 0o600 });
      await writeFile(keyPath, key, { mode: 0o600 });
    }
    for (const name of pairs.keys()) {
      const [certTarget, keyTarget] = pathsOf(folder, name);
      const [certPath, keyPath] = pathsOf(desk, name);
      await rename(keyPath, keyTarget);
      await rename(certPath, certTarget);
    }
  } finally {
    await rm(desk, { recursive: true, force: true });
  }
}

/** Where a certificate and its key are. */
export function pathsOf(folder: string, name: string): readonly [cert: string, key: string] {
  return [join(folder, `${name}.crt`), join(folder, `${name}.key`)];
}
