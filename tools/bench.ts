import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { hasProgram } from "../bench/build/programs.ts";
import { buildSchema } from "../bench/build/schema.ts";
import { CONTENDERS, type Contender } from "../bench/contenders.ts";
import { makeCertificate } from "../bench/loads/certificate.ts";
import { describeResult, type Result } from "../bench/report/table.ts";
import { describeMachine, describeVersions } from "../bench/report/versions.ts";
import { type CpuByRow, writeResults } from "../bench/report/write.ts";
import type { Row } from "../bench/row.ts";
import { ROWS } from "../bench/rows.ts";
import { type Measured, runRow } from "../bench/run-row.ts";
import { prepare } from "../bench/servers.ts";
import { onStopSignal } from "./stop-signals.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    /** About what a round takes. */
    seconds: { type: "string", default: "1" },
    /** A part of the names of the rows to measure. */
    only: { type: "string", default: "" },
    /** Contenders to leave out. */
    without: { type: "string", multiple: true, default: [] },
    /** Processes that memory is measured in. */
    times: { type: "string", default: "3" },
    /** Writes bench/RESULTS.md and bench/results.svg. */
    write: { type: "boolean", default: false },
  },
});

const leave = () => process.exit(130);
onStopSignal(leave, leave);

async function missing(): Promise<readonly string[]> {
  return [
    ...(existsSync("/proc/self/stat") ? [] : ["Linux's /proc: CPU time and memory are read there"]),
    ...(availableParallelism() >= 2 ? [] : ["a second core: server and load have one each"]),
    ...((await hasProgram("taskset", "--version")) ? [] : ["taskset, which pins to cores (Debian: util-linux)"]),
    ...((await hasProgram("setpriv", "--version")) ? [] : ["setpriv, which ends what we leave (Debian: util-linux)"]),
    ...((await hasProgram("h2load", "--version")) ? [] : ["h2load, which makes the load (Debian: nghttp2-client)"]),
  ];
}

async function bench(rows: readonly Row[], folder: string): Promise<number> {
  const { rounds, write } = values;
  const [machine, versions, certificate] = await Promise.all([
    describeMachine(),
    describeVersions(),
    makeCertificate(folder),
    buildSchema(),
  ]);
  const options = {
    rounds: Number(rounds),
    seconds: Number(values.seconds),
    times: Number(values.times),
    folder,
    certificate,
    absent: await findAbsent(rows),
  };
  console.log(`${machine}\n${versions}\nMedians of ${rounds} rounds.`);
  const results: Result[] = [];
  const cpu = new Map<string, NonNullable<Measured["cpu"]>>();
  let failures = 0;
  for (const row of rows) {
    try {
      const measured = await runRow(row, options);
      results.push(measured.result);
      if (measured.isWhole === false) failures++;
      if (measured.cpu !== undefined) cpu.set(row.name, measured.cpu);
      console.log(`\n${describeResult(measured.result)}`);
    } catch (error) {
      failures++;
      console.log(`\n## ${row.name}\n\ncould not run: ${error instanceof Error ? error.message : error}`);
    }
  }
  if (write && failures === 0) await save({ machine, versions, rounds }, results, cpu);
  if (write && failures > 0) console.error("\nNothing was written, as not everything could be measured.");
  return failures === 0 ? 0 : 1;
}

function save(
  about: { readonly machine: string; readonly versions: string; readonly rounds: string },
  results: readonly Result[],
  cpu: CpuByRow,
): Promise<void> {
  const command = ["npm run bench --", ...process.argv.slice(2)].join(" ");
  return writeResults({ ...about, command, date: new Date().toISOString().slice(0, 10) }, results, cpu);
}

/** Who cannot run here, or is not to. */
async function findAbsent(rows: readonly Row[]): Promise<ReadonlyMap<Contender, string>> {
  const absent = new Map<Contender, string>();
  for (const contender of new Set(rows.flatMap(({ contenders }) => contenders))) {
    const why = values.without.includes(contender) ? "it was left out" : await prepare(contender);
    if (why !== undefined) absent.set(contender, why);
  }
  return absent;
}

const rows = ROWS.filter(({ name }) => name.includes(values.only));
const unknown = values.without.filter((name) => !(CONTENDERS as readonly string[]).includes(name));
const mistakes = [
  ...(rows.length > 0 ? [] : [`--only ${values.only}: rows are ${ROWS.map(({ name }) => name).join(", ")}.`]),
  ...(unknown.length === 0 ? [] : [`--without ${unknown.join(", ")}: contenders are ${CONTENDERS.join(", ")}.`]),
  ...(values.write && values.only !== "" ? ["--write takes all rows: leave out --only."] : []),
];
const lacking = await missing();
if (mistakes.length > 0 || lacking.length > 0) {
  const cannot = lacking.length === 0 ? [] : [`The benchmark cannot run here. Missing: ${lacking.join("; ")}.`];
  console.error([...mistakes, ...cannot].join("\n"));
  process.exit(2);
}
const folder = mkdtempSync(join(tmpdir(), "portico-bench-"));
// However it ends: the logs in it are large.
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
process.exit(await bench(rows, folder));
