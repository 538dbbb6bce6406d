import { CONTENDERS, DESCRIPTIONS } from "../contenders.ts";
import { describeResult, type Result } from "./table.ts";

export interface Run {
  readonly machine: string;
  readonly versions: string;
  readonly command: string;
  /** As 2026-11-21. */
  readonly date: string;
  readonly rounds: string;
}

/** The file with a run's results. */
export function describeRun({ machine, versions, command, date, rounds }: Run, results: readonly Result[]): string {
  const shown = new Set(results.flatMap(({ lines }) => lines.map(([contender]) => contender)));
  const contenders = CONTENDERS.filter((contender) => shown.has(contender));
  const facts: readonly (readonly [string, string])[] = [
    ["Machine", machine],
    ["Versions", versions],
    ["Command", `\`${command}\``],
    ["Date", date],
  ];
  return `${[
    "# Results of the benchmark",
    `Written by \`npm run bench -- --write\`; [README.md](README.md) says how it measures, and what figures mean. CPU time of the measured process, in the median of ${rounds} rounds; ratios are of the same run.`,
    facts.map(([name, value]) => `- ${name}: ${value}`).join("\n"),
    "![CPU time of a call by server](results.svg)",
    contenders.map((contender) => `- *${contender}*: ${DESCRIPTIONS[contender]}`).join("\n"),
    ...results.map(describeResult),
  ].join("\n\n")}\n`;
}
