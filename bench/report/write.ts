import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ROOT } from "../build/source-folder.ts";
import type { Contender } from "../contenders.ts";
import type { CpuFigures } from "../measure/rounds.ts";
import { type Bars, drawBars } from "./picture.ts";
import { describeRun, type Run } from "./results.ts";
import type { Result } from "./table.ts";

/** What the picture shows: rows, and what they are called there. */
const SHOWN: readonly (readonly [row: string, title: string])[] = [
  ["gRPC unary 8x16", "gRPC unary, 8 connections with 16 calls each"],
  ["gRPC unary 64x1", "gRPC unary, 64 connections with one call each"],
  ["JSON HTTP/1.1", "JSON over HTTP/1.1, 64 connections"],
];

/** What contenders are called there. */
const LABELS: Partial<Record<Contender, string>> = {
  "node-http2": "node:http2 echo",
  "node-http": "node:http echo",
  armeria: "Armeria",
  fastify: "Fastify",
  bare: "Portico, bare",
  service: "Portico service",
};

export type CpuByRow = ReadonlyMap<string, ReadonlyMap<Contender, CpuFigures>>;

/** Writes bench/RESULTS.md and bench/results.svg. */
export async function writeResults(run: Run, results: readonly Result[], cpu: CpuByRow): Promise<void> {
  const groups: readonly Bars[] = SHOWN.map(([row, title]) => ({
    title,
    bars: [...(cpu.get(row) ?? [])].map(([contender, { cpuUs }]) => ({
      label: LABELS[contender] ?? contender,
      us: cpuUs,
      isOurs: contender === "bare" || contender === "service",
    })),
  }));
  const subtitle = `Less is better. Bare is the port with RPCs alone; the service has request id, deadline and access log. ${run.date}`;
  const picture = drawBars(
    "CPU time that a server takes for a call",
    subtitle,
    groups.filter(({ bars }) => bars.length > 0),
  );
  await writeFile(join(ROOT, "bench/results.svg"), picture);
  await writeFile(join(ROOT, "bench/RESULTS.md"), describeRun(run, results));
}
