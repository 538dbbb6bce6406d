import { type Contender, OVER_TLS } from "../contenders.ts";
import { judge, ratioText } from "../limits.ts";
import type { ArticleFigures } from "../measure/article.ts";
import type { BurstFigures } from "../measure/bursts.ts";
import type { MemoryFigures } from "../measure/memory.ts";
import type { CpuFigures } from "../measure/rounds.ts";
import type { StartFigures } from "../measure/start.ts";
import type { WaitingFigures } from "../measure/waiting.ts";
import type {
  ArticleRow,
  BurstRow,
  ClientRow,
  ConversionRow,
  MemoryRow,
  ServerRow,
  StartRow,
  WaitingRow,
} from "../row.ts";
import type { Result } from "./table.ts";

/** Whom others are held against, where they are in the row. */
const BASES: readonly Contender[] = ["node-http2", "node-http", "node-tls", "grpc-js", "grpc-go", "by-hand"];

/**
 * CPU time: a line for each contender, with its ratios to the echo, to grpc-go and to itself in cleartext, of the same run.
 * Handshakes a second are those that a core comes to at that.
 */
export function describeCpu(
  row: ServerRow | ClientRow | ConversionRow,
  figures: ReadonlyMap<Contender, CpuFigures>,
  absent: readonly string[],
): Result {
  const unit = unitOf(row);
  const isHeldToGrpcJs = row.kind === "client" || (row.kind === "server" && row.isTls);
  const bases = BASES.filter((base) => figures.has(base) && (base !== "grpc-js" || isHeldToGrpcJs));
  const cpuUs = new Map([...figures].map(([contender, figure]) => [contender, figure.cpuUs]));
  const inCleartext = new Map(
    [...cpuUs].flatMap(([contender, us]) => {
      const overTls = OVER_TLS[contender];
      return overTls === undefined ? [] : [[overTls, us] as const];
    }),
  );
  const isOfCore = unit === "handshake";
  return {
    name: row.name,
    about: row.about,
    columns: [
      "",
      `us/${unit}`,
      "least to most",
      "in kernel",
      ...bases.map((base) => `of ${base}`),
      ...(inCleartext.size > 0 ? ["of cleartext"] : []),
      isOfCore ? `${unit}s/s of a core` : `${unit}s/s`,
    ],
    lines: [...figures].map(([contender, figure]) => {
      const ratioTo = (us: number | undefined) => (us === undefined ? "" : ratioText(figure.cpuUs / us));
      return [
        contender,
        figure.cpuUs.toFixed(2),
        `${figure.leastUs.toFixed(2)} to ${figure.mostUs.toFixed(2)}`,
        figure.kernelUs.toFixed(2),
        ...bases.map((base) => ratioTo(cpuUs.get(base))),
        ...(inCleartext.size > 0 ? [ratioTo(inCleartext.get(contender))] : []),
        Math.round(isOfCore ? 1e6 / figure.cpuUs : figure.perSecond).toString(),
      ];
    }),
    verdicts: row.limits.map((limit) => judge(limit, cpuUs)),
    notes: absent,
  };
}

function unitOf(row: ServerRow | ClientRow | ConversionRow): string {
  switch (row.kind) {
    case "server":
      return row.per.unit;
    case "client":
      return "call";
    case "conversion":
      return "message";
  }
}

export function describeBursts(
  row: BurstRow,
  figures: ReadonlyMap<Contender, BurstFigures>,
  absent: readonly string[],
): Result {
  const tookMs = new Map([...figures].map(([contender, figure]) => [contender, figure.tookMs]));
  return {
    name: row.name,
    about: row.about,
    columns: ["", "ms", "least to most"],
    lines: [...figures].map(([contender, figure]) => [
      contender,
      figure.tookMs.toFixed(0),
      `${figure.leastMs.toFixed(0)} to ${figure.mostMs.toFixed(0)}`,
    ]),
    verdicts: row.limits.map((limit) => judge(limit, tookMs)),
    notes: absent,
  };
}

export function describeWaiting(
  row: WaitingRow,
  figures: ReadonlyMap<Contender, WaitingFigures>,
  absent: readonly string[],
): Result {
  const heapKib = new Map([...figures].map(([contender, figure]) => [contender, figure.heapKib]));
  return {
    name: row.name,
    about: row.about,
    columns: ["", "heap, KiB/call", "RSS", "ms to settle", "failed"],
    lines: [...figures].map(([contender, figure]) => [
      contender,
      figure.heapKib.toFixed(2),
      figure.rssKib.toFixed(2),
      figure.settledMs.toFixed(0),
      figure.failed.toFixed(0),
    ]),
    verdicts: row.limits.map((limit) => judge(limit, heapKib)),
    notes: absent,
  };
}

export function describeMemory(row: MemoryRow, figures: ReadonlyMap<Contender, MemoryFigures>): Result {
  const rssKib = new Map([...figures].map(([contender, figure]) => [contender, figure.rssKib]));
  return {
    name: row.name,
    about: row.about,
    columns: ["", "RSS, KiB", "heap", "external"],
    lines: [...figures].map(([contender, figure]) => [
      contender,
      figure.rssKib.toFixed(2),
      figure.heapKib.toFixed(2),
      figure.externalKib.toFixed(2),
    ]),
    verdicts: row.limits.map((limit) => judge(limit, rssKib)),
    notes: [],
  };
}

export function describeStart(row: StartRow, { readyMs, leastMs, mostMs }: StartFigures): Result {
  return {
    name: row.name,
    about: row.about,
    columns: ["", "ms", "least to most"],
    lines: [["service", readyMs.toFixed(0), `${leastMs.toFixed(0)} to ${mostMs.toFixed(0)}`]],
    verdicts: row.limits.map((limit) => judge(limit, new Map([["service", readyMs]]))),
    notes: [],
  };
}

/** The article's figures, and those of its two services rebuilt on today's aiohttp and grpcio: other machines, so as text. */
const ARTICLE_NOTES = [
  "The article has 280.60 for gRPC and 509.53 for REST. Its services, rebuilt on today's aiohttp and grpcio, gave about 2,800 by gRPC, 1,900 by REST with a session for each call, and 3,200 with one that is kept.",
];

export function describeArticle(row: ArticleRow, { grpc, rest }: ArticleFigures): Result {
  return {
    name: row.name,
    about: row.about,
    columns: ["greeter calls name", "requests/s"],
    lines: [
      ["by gRPC", grpc.toFixed(0)],
      ["as JSON over HTTP/1.1", rest.toFixed(0)],
    ],
    verdicts: [],
    notes: ARTICLE_NOTES,
  };
}
