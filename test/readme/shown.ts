import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { repository } from "../commands/repository-copy.ts";
import { type Fence, fencesIn } from "./fences.ts";

/** A fenced block of one of the repository's documents. */
export interface Shown extends Fence {
  readonly document: string;
}

/** The blocks of documents, and which of them some test runs. */
export interface Claims {
  /** The blocks that a group of tests runs; none of them may be another's. */
  claim(isClaimed: (fence: Shown) => boolean): readonly Shown[];
  /** The titles of those that nobody runs. */
  unclaimed(): readonly string[];
}

/** Every block of documents, which are paths in the repository. */
export async function claimsOn(documents: readonly string[]): Promise<Claims> {
  const fences = (await Promise.all(documents.map(shownIn))).flat();
  const claimed = new Set<Shown>();
  return {
    claim(isClaimed) {
      const found = fences.filter(isClaimed);
      for (const fence of found) {
        if (claimed.has(fence)) throw new Error(`${titleOf(fence)} is claimed twice`);
        claimed.add(fence);
      }
      return found;
    },
    unclaimed: () => fences.filter((fence) => !claimed.has(fence)).map(titleOf),
  };
}

async function shownIn(document: string): Promise<readonly Shown[]> {
  const markdown = await readFile(join(repository, document), "utf8");
  return fencesIn(markdown).map((fence) => ({ ...fence, document }));
}

/** Whether a block is a file with a path that begins so. */
export function isFile({ kind, argument }: Fence, path: string): boolean {
  return kind === "file" && argument.startsWith(path);
}

/** A block's place and marker: the title of the test that runs it. */
export function titleOf({ document, line, kind, argument, language }: Shown): string {
  return `${document}:${line}, ${kind === language ? kind : `${kind}${argument === "" ? "" : ` ${argument}`}`}`;
}
