import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const repository = join(import.meta.dirname, "../..");

/** A copy of the repository's own files that a test may change, with the installed packages linked in. */
export interface RepositoryCopy extends AsyncDisposable {
  readonly folder: string;
  /** Replaces text in a file, which must have it. */
  edit(file: string, from: string, to: string): Promise<void>;
  add(file: string, text: string): Promise<void>;
}

const parts = [
  "src",
  "gen",
  "proto",
  "tools",
  "package.json",
  "buf.yaml",
  "buf.gen.yaml",
  "tsconfig.json",
  ".gitignore",
];

/** Of the services only those that come with Portico: what dev prints about them does not depend on any other then. */
function isOurs(path: string): boolean {
  const folder = /src\/services\/([^/.]+)(\/|$)/.exec(path)?.[1];
  return folder === undefined || ["name", "greeter"].includes(folder);
}

export async function copyRepository(): Promise<RepositoryCopy> {
  const folder = await mkdtemp(join(tmpdir(), "portico-copy-"));
  for (const part of parts) await cp(join(repository, part), join(folder, part), { recursive: true, filter: isOurs });
  await symlink(join(repository, "node_modules"), join(folder, "node_modules"));
  return {
    folder,
    async edit(file, from, to) {
      const path = join(folder, file);
      const text = await readFile(path, "utf8");
      if (!text.includes(from)) throw new Error(`${file} has no ${JSON.stringify(from)}`);
      await writeFile(path, text.replace(from, to));
    },
    add: (file, text) => writeFile(join(folder, file), text, { flag: "a" }),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}
