import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { makeCertificate } from "../bench/certificate.ts";
import { CONTENDERS, type Contender } from "../bench/contenders.ts";
import { measureLoad } from "../bench/measure-load.ts";
import { type MemoryFigures, measureMemory } from "../bench/measure-memory.ts";
import { describeLoad, describeMemory, loadHeading, memoryHeading } from "../bench/report.ts";
import { ROWS } from "../bench/rows.ts";
import { onStopSignal } from "./stop-signals.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "2" },
    /** A part of the names of the rows to measure. */
    only: { type: "string", default: "" },
    /** Processes that memory is measured in. */
    times: { type: "string", default: "3" },
  },
});

const leave = () => process.exit(130);
onStopSignal(leave, leave);

function missing(): readonly string[] {
  const hasProgram = (name: string, flag: string) => {
    try {
      execFileSync(name, [flag], { stdio: "ignore", timeout: 10_000 });
      return true;
    } catch {
      return false;
    }
  };
  return [
    ...(existsSync("/proc/self/stat") ? [] : ["Linux's /proc: CPU time and memory are read there"]),
    ...(availableParallelism() >= 2 ? [] : ["a second core: server and load have one each"]),
    ...(hasProgram("taskset", "--version") ? [] : ["taskset, which pins to cores (Debian: util-linux)"]),
    ...(hasProgram("h2load", "--version") ? [] : ["h2load, which makes the load (Debian: nghttp2-client)"]),
  ];
}

async function bench(folder: string): Promise<number> {
  const root = join(import.meta.dirname, "..");
  const contenders = CONTENDERS.filter((name) => existsSync(join(root, `bench/servers/${name}.ts`)));
  const certificate = await makeCertificate(folder);
  const rows = ROWS.filter(({ name }) => name.includes(values.only));
  let failures = rows.length === 0 ? 1 : 0;
  const attempt = async (name: string, measure: () => Promise<string>) => {
    try {
      console.log(await measure());
    } catch (error) {
      failures++;
      console.log(`${name} could not run: ${error instanceof Error ? error.message : error}`);
    }
  };
  console.log(
    `Node ${process.versions.node}, server on core 0, h2load on core 1; medians of ${values.rounds} rounds.\n`,
  );
  console.log(loadHeading());
  for (const row of rows.filter((row) => row.kind === "load")) {
    if (row.isTls && certificate === undefined) {
      console.log(`${row.name}: skipped, there is no openssl here to make a certificate`);
      continue;
    }
    const bodyFile = row.bodyBytes > 0 ? join(folder, `body-${row.bodyBytes}`) : undefined;
    if (bodyFile !== undefined) await writeFile(bodyFile, Buffer.alloc(row.bodyBytes, "portico "));
    const options = {
      rounds: Number(values.rounds),
      seconds: Number(values.seconds),
      contenders,
      certificate,
      bodyFile,
    };
    await attempt(row.name, async () => describeLoad(row, await measureLoad(row, options)));
  }
  console.log(`\n${memoryHeading()}`);
  for (const row of rows.filter((row) => row.kind === "memory")) {
    await attempt(row.name, async () => {
      const figures = new Map<Contender, MemoryFigures>();
      for (const name of contenders) figures.set(name, await measureMemory(row, name, Number(values.times)));
      return describeMemory(row, figures);
    });
  }
  return failures === 0 ? 0 : 1;
}

const lacking = missing();
if (lacking.length > 0) {
  console.error(`The benchmark cannot run here. Missing: ${lacking.join("; ")}.`);
  process.exit(2);
}
const folder = await mkdtemp(join(tmpdir(), "portico-bench-"));
let exitCode = 1;
try {
  exitCode = await bench(folder);
} finally {
  await rm(folder, { recursive: true, force: true });
}
process.exit(exitCode);
