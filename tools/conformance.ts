import { join } from "node:path";
import { parseArgs } from "node:util";
import { h2spec } from "../conformance/h2spec.ts";
import type { Part } from "../conformance/part.ts";
import { onStopSignal } from "./stop-signals.ts";

const root = join(import.meta.dirname, "..");
const parts: readonly Part[] = [h2spec];

const { values, positionals } = parseArgs({ allowPositionals: true, options: { strict: { type: "boolean" } } });
const engine = process.env["HTTP2_ENGINE"] || "own";

// What was started ends with the process; a signal's default would not let it see to that.
const leave = () => process.exit(130);
onStopSignal(leave, leave);

const outcomes: string[] = [];
for (const part of parts) {
  console.log(`${part.name}, HTTP2_ENGINE=${engine}`);
  const { outcome, report } = await part.run({ root, engine, isStrict: values.strict ?? false, only: positionals });
  outcomes.push(outcome);
  console.log(`${report}\n${part.name}: ${outcome}\n`);
}
process.exit(outcomes.includes("failed") ? 1 : outcomes.includes("missing") ? 2 : 0);
