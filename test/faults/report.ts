import type { Entry } from "./campaign.ts";

const HEAD = ["Scenario", "Client", "Calls", "Failed", "Worst overrun (raw), ms", "Recovery, ms", "Holds"];

/** Entries as a table in Markdown, in the order that they are given in. */
export function tableOf(entries: readonly Entry[]): string {
  const rows = entries.map((entry) => {
    const { scenario, client, outcome, reason = "" } = entry;
    if (outcome === undefined) return [scenario, client, "", "", "", "", `not run: ${reason}`];
    const { calls, failed, codes, worstNetOverrunMs, worstOverrunMs, recoveryMs } = outcome;
    return [
      scenario,
      client,
      String(calls),
      failed === 0 ? "0" : `${failed}: ${codes}`,
      `${Math.round(worstNetOverrunMs)} (${Math.round(worstOverrunMs)})`,
      String(Math.round(recoveryMs)),
      [holds(entry) ? "yes" : `**no**: ${outcome.complaints.join("; ")}`, ...outcome.remarks].join("; "),
    ];
  });
  return [HEAD, HEAD.map(() => "---"), ...rows].map((cells) => `| ${cells.map(oneLine).join(" | ")} |`).join("\n");
}

/** How many scenarios each client holds in, as a table in Markdown. */
export function summaryOf(entries: readonly Entry[]): string {
  const byClient = Map.groupBy(
    entries.filter(({ outcome }) => outcome !== undefined),
    ({ client }) => client,
  );
  const rows = [...byClient].map(
    ([client, those]) => `| ${client} | ${those.filter(holds).length} of ${those.length} |`,
  );
  return ["| Client | Holds in |", "| --- | --- |", ...rows].join("\n");
}

export function holds({ outcome }: Entry): boolean {
  return outcome?.complaints.length === 0;
}

/** One entry in a line, for a terminal, with what does not hold in further ones; and what failures said, if wanted. */
export function lineOf(entry: Entry, withFailures = false): string {
  const { scenario, client, outcome, reason } = entry;
  if (outcome === undefined) return `       ${scenario}, ${client}: not run: ${reason}`;
  const { calls, failed, codes, worstNetOverrunMs, worstOverrunMs, recoveryMs, complaints, remarks, failures } =
    outcome;
  const figures =
    `${calls} calls, ${failed} failed${failed === 0 ? "" : ` (${codes})`}, ` +
    `overrun ${Math.round(worstNetOverrunMs)} (raw ${Math.round(worstOverrunMs)}) ms, recovery ${Math.round(recoveryMs)} ms`;
  return [
    `${holds(entry) ? "holds " : "FAILS "} ${scenario}, ${client}: ${figures}`,
    ...complaints,
    ...remarks,
    ...(withFailures ? failures : []),
  ]
    .map(oneLine)
    .join("\n         ");
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").replaceAll("|", "\\|");
}
