import { hasProgram } from "./build/programs.ts";
import { CONTENDERS, type Contender } from "./contenders.ts";
import type { ServerCertificate } from "./loads/certificate.ts";
import { measureArticle } from "./measure/article.ts";
import { measureBursts } from "./measure/bursts.ts";
import { measureClients } from "./measure/clients.ts";
import { measureConversions } from "./measure/conversions.ts";
import { type MemoryFigures, measureMemory } from "./measure/memory.ts";
import type { CpuFigures, RoundOptions } from "./measure/rounds.ts";
import { measureServers } from "./measure/servers.ts";
import { measureStart } from "./measure/start.ts";
import { measureWaiting, type WaitingFigures } from "./measure/waiting.ts";
import {
  describeArticle,
  describeBursts,
  describeCpu,
  describeMemory,
  describeStart,
  describeWaiting,
} from "./report/figures.ts";
import type { Result } from "./report/table.ts";
import type { Row } from "./row.ts";

export interface MeasureOptions extends RoundOptions {
  /** Processes that memory is measured in. */
  readonly times: number;
  readonly folder: string;
  readonly certificate: ServerCertificate;
  /** Contenders that do not run, and why. */
  readonly absent: ReadonlyMap<Contender, string>;
}

/** What a row has come to. CPU time is there as figures as well, for the picture. */
export interface Measured {
  readonly result: Result;
  readonly cpu?: ReadonlyMap<Contender, CpuFigures>;
  /** False: somebody who is here could not be measured. */
  readonly isWhole?: boolean;
}

/** Measures a row with all contenders that are there. */
export async function runRow(row: Row, options: MeasureOptions): Promise<Measured> {
  const { rounds, times, folder, absent } = options;
  const contenders = CONTENDERS.filter((contender) => row.contenders.includes(contender) && !absent.has(contender));
  const notes = row.contenders.flatMap((contender) => {
    const why = absent.get(contender);
    return why === undefined ? [] : [`${contender} is absent: ${why}`];
  });
  switch (row.kind) {
    case "server": {
      let isWhole = true;
      const onFailure = (contender: Contender, error: unknown) => {
        isWhole = false;
        notes.push(`${contender} could not run: ${error instanceof Error ? error.message : error}`);
      };
      const cpu = await measureServers(row, { ...options, contenders, onFailure });
      return { result: describeCpu(row, cpu, notes), cpu, isWhole };
    }
    case "client": {
      const cpu = await measureClients(row, contenders, options);
      return { result: describeCpu(row, cpu, notes), cpu };
    }
    case "burst":
      return { result: describeBursts(row, await measureBursts(row, contenders, rounds), notes) };
    case "waiting": {
      const figures = new Map<Contender, WaitingFigures>();
      for (const contender of contenders) figures.set(contender, await measureWaiting(row, contender, times));
      return { result: describeWaiting(row, figures, notes) };
    }
    case "conversion": {
      const cpu = await measureConversions(row, contenders, options);
      return { result: describeCpu(row, cpu, notes), cpu };
    }
    case "memory": {
      const figures = new Map<Contender, MemoryFigures>();
      for (const contender of contenders) figures.set(contender, await measureMemory(row, contender, times));
      return { result: describeMemory(row, figures) };
    }
    case "start":
      return { result: describeStart(row, await measureStart()) };
    case "article": {
      if (!(await hasProgram("ab", "-V"))) {
        return { result: skipped(row, "there is no ab here (Debian: apache2-utils)") };
      }
      return { result: describeArticle(row, await measureArticle(rounds, folder)) };
    }
  }
}

function skipped({ name, about }: Row, why: string): Result {
  return { name, about, columns: [], lines: [], verdicts: [], notes: [`skipped: ${why}`] };
}
