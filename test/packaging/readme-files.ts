/**
 * The files that a Markdown text shows: each is a fenced block right below a line such as `<!-- file: orders/buf.yaml -->`,
 * which names it and which no reader sees.
 *
 * @throws Error where a marker has no block below it, or a file is there twice
 */
export function readmeFiles(markdown: string): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const [marker, path = ""] of markdown.matchAll(/^<!-- file: (\S+) -->$/gm)) {
    if (files.has(path)) throw new Error(`${marker} is there twice`);
    files.set(path, blockBelow(markdown, marker));
  }
  return files;
}

/**
 * The lines of the commands that a Markdown text shows below `<!-- name -->`.
 *
 * @throws Error where they are not there
 */
export function readmeCommands(markdown: string, name: string): readonly string[] {
  return blockBelow(markdown, `<!-- ${name} -->`).trim().split("\n");
}

function blockBelow(markdown: string, marker: string): string {
  const [, below] = markdown.split(`${marker}\n`);
  const text = /^\s*```[^\n]*\n(.*?)^```$/ms.exec(below ?? "");
  if (text?.index !== 0 || text[1] === undefined) throw new Error(`there is no ${marker} with a fenced block below it`);
  return text[1];
}
