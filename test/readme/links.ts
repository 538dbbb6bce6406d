import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { repository } from "../commands/repository-copy.ts";

/** The links of a document that lead to no file of the repository, or to no heading of one. Those to other sites are not followed. */
export async function brokenLinks(document: string): Promise<readonly string[]> {
  const markdown = await readFile(join(repository, document), "utf8");
  const targets = [...markdown.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target);
  const isBroken = await Promise.all(targets.map(async (target) => !(await leadsSomewhere(target, document))));
  return targets.filter((_, at) => isBroken[at]);
}

async function leadsSomewhere(target: string, document: string): Promise<boolean> {
  if (/^https?:/.test(target)) return true;
  const [path = "", anchor] = target.split("#");
  const file = path === "" ? join(repository, document) : join(repository, dirname(document), path);
  if (!existsSync(file)) return false;
  return anchor === undefined || headingsOf(await readFile(file, "utf8")).includes(anchor);
}

function headingsOf(markdown: string): readonly string[] {
  return [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) => slug(heading));
}

/** As GitHub makes anchors of headings. */
function slug(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\w\- ]/g, "")
    .replaceAll(" ", "-");
}
