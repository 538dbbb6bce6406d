import { readdirSync, readFileSync } from "node:fs";
import { posix } from "node:path";

/** A source file of the project, by its path from the project's root. */
export interface Source {
  readonly path: string;
  readonly text: string;
}

export interface Import {
  /** A file by its path from the project's root, such as `src/call/call.ts`, or a package by its name. */
  readonly target: string;
  readonly isFile: boolean;
  /** Erased by the compiler: at run time nothing is loaded. */
  readonly isType: boolean;
}

/** What a module takes from another by `import … from`, `export … from`, `import "…"` and `import("…")`. */
const FROM = /^(?:import|export)\s+(?<type>type\s+)?(?<names>[\w$\s{},*]*?)\s*\bfrom\s+"(?<specifier>[^"]+)"/gm;
const BARE = /^import\s+"(?<specifier>[^"]+)"|\bimport\(\s*"(?<called>[^"]+)"\s*\)/gm;

/** Reads the sources below the folders that are given. */
export function readSources(root: string, folders: readonly string[]): readonly Source[] {
  return folders.flatMap((folder) =>
    readdirSync(`${root}/${folder}`, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /\.(?:ts|js|cjs)$/.test(entry.name))
      .map((entry) => posix.relative(root, `${entry.parentPath}/${entry.name}`))
      .map((path) => ({ path, text: readFileSync(`${root}/${path}`, "utf8") })),
  );
}

/**
 * A module's imports. Biome's format is what makes a pattern enough: a declaration begins its line, and quotes are double.
 * With `verbatimModuleSyntax` an import is erased only where `type` stands before the braces.
 */
export function importsOf({ path, text }: Source): readonly Import[] {
  const code = withoutComments(text);
  const resolve = (specifier = "") =>
    specifier.startsWith(".")
      ? { target: posix.join(posix.dirname(path), specifier), isFile: true }
      : { target: packageName(specifier), isFile: false };
  const from = [...code.matchAll(FROM)].map(({ groups = {} }) => ({
    ...resolve(groups["specifier"]),
    isType: groups["type"] !== undefined,
  }));
  const bare = [...code.matchAll(BARE)].map(({ groups = {} }) => ({
    ...resolve(groups["specifier"] ?? groups["called"]),
    isType: false,
  }));
  const expected = code.match(/^(?:.*\}|import\b.*|export\s+\*.*) from "[^"]+";$/gm)?.length ?? 0;
  if (from.length !== expected) {
    throw new Error(`${path}: ${expected} lines look like the end of an import, and ${from.length} imports were read`);
  }
  return [...from, ...bare];
}

/** The names that a module exports of others, by the file that they come from. */
export function reexportsOf({ path, text }: Source): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const { groups = {} } of withoutComments(text).matchAll(
    /^export\s+(?:type\s+)?\{(?<names>[^}]*)\}\s*from\s+"(?<file>[^"]+)"/gm,
  )) {
    for (const name of (groups["names"] ?? "").split(",").map((item) => item.replace(/^\s*type\s/, "").trim())) {
      if (name !== "") {
        names.set(name, posix.join(posix.dirname(path), groups["file"] ?? ""));
      }
    }
  }
  return names;
}

/** Code without comments; a `//` in a text is one only behind a space. */
export function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(?<=^|\s)\/\/.*$/gm, "");
}

/** `@a/b` for `@a/b/c`; what is imported of our own package stays whole, as only its entrances may be. */
function packageName(specifier: string): string {
  const [name = ""] = /^(?:@[^/]+\/)?[^/]+/.exec(specifier) ?? [];
  return name === "portico" ? specifier : name;
}
