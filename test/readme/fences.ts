/**
 * A fenced block of a Markdown text. How it is checked says the marker above it, a line such as `<!-- file: web/a.ts -->`
 * that no reader sees. A block right below another, without a marker of its own, is that one's output.
 */
export interface Fence {
  /** Where it begins, counted from 1. */
  readonly line: number;
  /** What it is written in, such as `sh`. */
  readonly language: string;
  readonly text: string;
  /** What the marker says, such as `file`; the language where there is no marker. */
  readonly kind: string;
  /** What stands behind the marker's colon. */
  readonly argument: string;
  readonly output: string | undefined;
}

interface Block {
  readonly index: number;
  readonly end: number;
  readonly language: string;
  readonly text: string;
  readonly marker: string | undefined;
}

/**
 * Every fenced block of `markdown`, each an output's owner or claimed by its kind.
 *
 * @throws Error where a fence is not closed
 */
export function fencesIn(markdown: string): readonly Fence[] {
  const blocks = blocksIn(markdown);
  return blocks.flatMap((block, at) => {
    if (isOutput(block, blocks[at - 1])) return [];
    const next = blocks[at + 1];
    const [kind = "", argument = ""] = (block.marker ?? block.language).split(/:\s*/, 2);
    return {
      line: markdown.slice(0, block.index).split("\n").length,
      language: block.language,
      text: block.text,
      kind,
      argument,
      output: next !== undefined && isOutput(next, block) ? next.text : undefined,
    };
  });
}

const PROGRAMS = ["sh", "js", "ts"];

function isOutput(block: Block, previous: Block | undefined): boolean {
  return (
    previous !== undefined &&
    block.index === previous.end + 1 &&
    block.marker === undefined &&
    PROGRAMS.includes(previous.language) &&
    !PROGRAMS.includes(block.language)
  );
}

function blocksIn(markdown: string): readonly Block[] {
  const blocks: Block[] = [];
  const opening = /^(?:<!-- (.+) -->\n)?```(\w*)\n/gm;
  for (let match = opening.exec(markdown); match !== null; match = opening.exec(markdown)) {
    const start = opening.lastIndex;
    const end = markdown.indexOf("\n```", start - 1);
    if (end === -1) throw new Error(`a fence is not closed: ${match[0]}`);
    const [, marker, language = ""] = match;
    blocks.push({ index: match.index, end: end + 4, language, text: markdown.slice(start, end), marker });
    opening.lastIndex = end + 4;
  }
  return blocks;
}

/** A table below a marker such as `<!-- table: base -->`: its rows' cells, without the two lines of its head. */
export function tableIn(markdown: string, name: string): readonly (readonly string[])[] {
  const marker = `<!-- table: ${name} -->\n`;
  const at = markdown.indexOf(marker);
  if (at === -1) throw new Error(`there is no table ${name}`);
  const lines = markdown.slice(at + marker.length).split("\n");
  const end = lines.findIndex((line) => !line.startsWith("|"));
  return lines.slice(2, end).map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** What is in backquotes. */
export function codeIn(cell: string): readonly string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code);
}
