import { createHash } from "node:crypto";
import { type FSWatcher, watch } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { join, relative } from "node:path";

/** The files that matter, by their path below the repository's folder, each with a text that changes when it does. */
export type Snapshot = ReadonlyMap<string, string>;

/** Editors write more than once, and a checkout writes many files: the last of them starts the round. */
const quietMs = 100;

const settings = ["buf.yaml", "buf.gen.yaml"];
const folders = ["src", "gen", "proto"];

/** Takes a look at everything that a running service is made of. Tests are not part of it, nor what editors put beside. */
export async function takeSnapshot(root: string): Promise<Snapshot> {
  const listings = await Promise.all(folders.map((folder) => filesBelow(root, folder)));
  const paths = [...settings, ...listings.flat()];
  const stamps = await Promise.all(paths.map(async (path) => [path, await stampOf(join(root, path), path)] as const));
  return new Map(stamps.flatMap(([path, stamp]) => (stamp === undefined ? [] : [[path, stamp]])));
}

/** The paths that are not the same in both, in order. */
export function changedPaths(before: Snapshot, after: Snapshot): readonly string[] {
  const paths = new Set([...before.keys(), ...after.keys()]);
  return [...paths].filter((path) => before.get(path) !== after.get(path)).sort();
}

/** Whether `gen/` follows from it. */
export function isSchema(path: string): boolean {
  return path.startsWith("proto/") || settings.includes(path);
}

/** The folder in `src/services/` that a file belongs to; nothing for what all services share. */
export function serviceFolder(path: string): string | undefined {
  return /^src\/services\/([^/]+)\//.exec(path)?.[1];
}

async function filesBelow(root: string, folder: string): Promise<readonly string[]> {
  const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true }).catch(ignoreMissing);
  return (entries ?? [])
    .filter((entry) => entry.isFile() && !/^\.|~$|\.spec\.ts$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
}

/** A time for what people write: `touch` counts. The content for what is generated: the same again is no change. */
async function stampOf(file: string, path: string): Promise<string | undefined> {
  if (path.startsWith("gen/")) {
    const content = await readFile(file).catch(ignoreMissing);
    return content && createHash("sha256").update(content).digest("base64");
  }
  const found = await stat(file).catch(ignoreMissing);
  return found && `${found.mtimeMs} ${found.size}`;
}

/** What was there a moment ago may be gone: another change follows, and another look. */
function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT" && error.code !== "ENOTDIR") throw error;
}

/** A look-out for changes, from the moment it was made. */
export interface Lookout extends Disposable {
  /** Settles when something has changed and then stayed quiet for a moment. What changed, a snapshot tells. */
  readonly changed: Promise<void>;
}

/** Each look-out watches anew: a folder that was replaced, as `buf generate` replaces `gen/`, would be lost otherwise. */
export function watchForChanges(root: string): Lookout {
  const { promise: changed, resolve } = Promise.withResolvers<void>();
  let timer: NodeJS.Timeout | undefined;
  const note = () => {
    clearTimeout(timer);
    timer = setTimeout(resolve, quietMs);
  };
  const noteAtTop = (_event: string, name: string | null) => {
    if (name === null || settings.includes(name) || folders.includes(name)) note();
  };
  const watchers = [watch(root, noteAtTop), ...folders.map((folder) => watchFolder(join(root, folder), note))];
  // A folder that goes away while it is watched: a change, of which the one above it tells too.
  for (const watcher of watchers) watcher?.on("error", note);
  return {
    changed,
    [Symbol.dispose]() {
      clearTimeout(timer);
      for (const watcher of watchers) watcher?.close();
    },
  };
}

function watchFolder(folder: string, note: () => void): FSWatcher | undefined {
  try {
    return watch(folder, { recursive: true }, note);
  } catch (error) {
    // `catch` knows no types; watch throws nothing but these.
    return ignoreMissing(error as NodeJS.ErrnoException);
  }
}
