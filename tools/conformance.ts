import { join } from "node:path";
import { parseArgs } from "node:util";
import { connectClient, connectServer, connectServerUniversal } from "../conformance/connect.ts";
import { h2spec } from "../conformance/h2spec.ts";
import type { Part } from "../conformance/part.ts";
import { onStopSignal } from "./stop-signals.ts";

const root = join(import.meta.dirname, "..");
const parts: readonly Part[] = [h2spec, connectServer, connectServerUniversal, connectClient];

const { values, positionals } = parseArgs({ allowPositionals: true, options: { strict: { type: "boolean" } } });
// A part by its name, and a part's own names of cases; those alone are h2spec's, whose form is not a part's.
const named = parts.filter(({ id }) => positionals.includes(id));
const only = positionals.filter((word) => !named.some(({ id }) => id === word));
const chosen = named.length > 0 ? named : only.length > 0 ? [h2spec] : parts;
const engine = process.env["HTTP2_ENGINE"] || "own";

// What was started ends with the process; a signal's default would not let it see to that.
const leave = () => process.exit(130);
onStopSignal(leave, leave);

const outcomes: string[] = [];
for (const part of chosen) {
  console.log(`${part.name}, HTTP2_ENGINE=${engine}`);
  const { outcome, report } = await part.run({ root, engine, isStrict: values.strict ?? false, only });
  outcomes.push(outcome);
  console.log(`${report}\n${part.name}: ${outcome}\n`);
}
process.exit(outcomes.includes("failed") ? 1 : outcomes.includes("missing") ? 2 : 0);
