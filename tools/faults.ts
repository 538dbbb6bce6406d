import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { runCampaign } from "../test/faults/campaign.ts";
import { OTHERS, OURS } from "../test/faults/clients.ts";
import { holds, lineOf, summaryOf, tableOf } from "../test/faults/report.ts";
import { SCENARIOS } from "../test/faults/scenarios.ts";

// Puts our channel, by each of its wires, and the clients of others through everything that can go wrong. `--only` takes a
// part of a scenario's name, `--client` a part of a client's, `--lanes` how many runs there are at a time; `--messages`
// shows what failures said; `--write` keeps the tables in docs/faults.md. Exit code 1 where our channel does not hold.

const DOCUMENT = join(import.meta.dirname, "../docs/faults.md");

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "" },
    client: { type: "string", default: "" },
    lanes: { type: "string", default: "4" },
    messages: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
  },
});
const scenarios = SCENARIOS.filter(({ name }) => name.toLowerCase().includes(values.only.toLowerCase()));
const clients = [...OURS, ...OTHERS].filter(({ name }) => name.toLowerCase().includes(values.client.toLowerCase()));
if (scenarios.length === 0 || clients.length === 0 || !(Number(values.lanes) >= 1)) {
  console.error(
    "usage: npm run faults -- [--only <part of a scenario>] [--client <part of a name>] [--lanes 4] [--messages] [--write]",
  );
  console.error(`scenarios: ${SCENARIOS.map(({ name }) => name).join(", ")}`);
  console.error(`clients: ${[...OURS, ...OTHERS].map(({ name }) => name).join(", ")}`);
  process.exit(2);
}

const entries = await runCampaign(scenarios, clients, Number(values.lanes), (entry) =>
  console.log(lineOf(entry, values.messages)),
);
const [summary, table] = [summaryOf(entries), tableOf(entries)];
console.log(`\n${summary}`);
if (values.write) {
  const document = await readFile(DOCUMENT, "utf8");
  await writeFile(DOCUMENT, replaceBetween(replaceBetween(document, "summary", summary), "table", table));
  console.log("written: docs/faults.md");
}
const ours = entries.filter(({ library, outcome }) => library === "portico" && outcome !== undefined);
process.exit(ours.every(holds) ? 0 : 1);

/** `document` with other text between its markers of that name. */
function replaceBetween(document: string, name: string, text: string): string {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [from, to] = [document.indexOf(begin), document.indexOf(end)];
  if (from === -1 || to === -1) throw new Error(`docs/faults.md has no ${begin} and ${end}`);
  return `${document.slice(0, from + begin.length)}\n${text}\n${document.slice(to)}`;
}
