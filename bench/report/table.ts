import type { Contender } from "./contenders.ts";
import type { LoadFigures } from "./measure-load.ts";
import type { MemoryFigures } from "./measure-memory.ts";
import type { LoadRow, MemoryRow } from "./rows.ts";

const WIDTHS = [17, 12, 14, 20, 10, 10, 10];

export function loadHeading(): string {
  return line(["load", "contender", "CPU, us", "least to most", "in kernel", "ratio", "req/s", "limit"]);
}

/** Every contender's line; the ratio is to node:http2's median of the same run. */
export function describeLoad(row: LoadRow, figures: ReadonlyMap<Contender, LoadFigures>): string {
  const base = figures.get("node-http2")?.cpuUs;
  return [...figures]
    .map(([contender, { cpuUs, leastUs, mostUs, kernelUs, perSecond }]) => {
      const ratio = base === undefined ? undefined : cpuUs / base;
      const limit = contender === "own" && row.limit !== undefined ? row.limit : undefined;
      return line([
        row.name,
        contender,
        `${cpuUs.toFixed(2)}/${row.per === "MiB" ? "MiB" : "req"}`,
        `${leastUs.toFixed(2)} to ${mostUs.toFixed(2)}`,
        kernelUs.toFixed(2),
        ratio === undefined ? "" : ratioText(ratio),
        Math.round(perSecond).toString(),
        limit === undefined || ratio === undefined ? "" : `${limit.text}: ${verdict(ratio <= limit.ratio)}`,
      ]);
    })
    .join("\n");
}

/** `1/12.3` is easier to hold against `1/12` than 0.081. */
function ratioText(ratio: number): string {
  return ratio < 0.5 ? `1/${(1 / ratio).toFixed(1)}` : ratio.toFixed(2);
}

export function memoryHeading(): string {
  return line(["memory", "contender", "RSS, KiB", "heap + external", "", "ratio", "", "limit"]);
}

export function describeMemory(row: MemoryRow, figures: ReadonlyMap<Contender, MemoryFigures>): string {
  const base = figures.get("node-http2")?.rssKib;
  return [...figures]
    .map(([contender, { rssKib, heapKib, externalKib }]) =>
      line([
        row.name,
        contender,
        rssKib.toFixed(2),
        `${heapKib.toFixed(2)} + ${externalKib.toFixed(2)}`,
        "",
        base === undefined ? "" : ratioText(rssKib / base),
        "",
        contender === "own" ? `${row.limit.text}: ${verdict(rssKib <= row.limit.kib)}` : "",
      ]),
    )
    .join("\n");
}

function verdict(isMet: boolean): string {
  return isMet ? "met" : "not met";
}

function line(cells: readonly string[]): string {
  return cells
    .map((cell, at) => (at < 2 ? cell.padEnd(WIDTHS[at] ?? 0) : at < 7 ? `${cell.padStart(WIDTHS[at] ?? 0)}  ` : cell))
    .join("")
    .trimEnd();
}
