import type { Verdict } from "../limits.ts";

/** What a row has come to, ready to be shown. */
export interface Result {
  readonly name: string;
  readonly about: string;
  readonly columns: readonly string[];
  /** The first two columns are text, the others figures. */
  readonly lines: readonly (readonly string[])[];
  readonly verdicts: readonly Verdict[];
  /** Sentences beneath it. */
  readonly notes: readonly string[];
}

/** A row as Markdown, which is as well what a terminal shows. */
export function describeResult({ name, about, columns, lines, verdicts, notes }: Result): string {
  const below = [
    ...verdicts.map(({ limit, isMet, measured }) => `${limit}: ${verdictText(isMet)} (${measured})`),
    ...notes,
  ];
  return [`## ${name}`, about, table(columns, lines), below.map((line) => `- ${line}`).join("\n")]
    .filter((part) => part !== "")
    .join("\n\n");
}

function verdictText(isMet: boolean | undefined): string {
  return isMet === undefined ? "not measured" : isMet ? "**met**" : "**not met**";
}

/** A table of Markdown with columns of one width; all but the first are aligned to the right. */
function table(columns: readonly string[], lines: readonly (readonly string[])[]): string {
  if (lines.length === 0) return "";
  const widths = columns.map((column, at) => Math.max(column.length, 3, ...lines.map((line) => line[at]?.length ?? 0)));
  const pad = (cells: readonly string[]) =>
    widths.map((width, at) => (at === 0 ? (cells[at] ?? "").padEnd(width) : (cells[at] ?? "").padStart(width)));
  const rule = widths.map((width, at) => (at === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`));
  return [pad(columns), rule, ...lines.map(pad)].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
