import type { ServerProcess } from "../../tools/server-process.ts";
import type { Contender } from "../contenders.ts";
import { runH2load } from "../loads/h2load.ts";
import { connectRaw, type RawConnection } from "../loads/raw-connection.ts";
import type { MemoryRow } from "../row.ts";
import { startModule } from "../servers.ts";
import { median } from "./median.ts";

/** KiB for each connection or stream, in the median of processes. */
export interface MemoryFigures {
  readonly rssKib: number;
  /** What V8 knows of: the heap, and what it holds outside of it. The rest is the runtime's own, and fragmentation. */
  readonly heapKib: number;
  readonly externalKib: number;
}

const AT_A_TIME = 50;

/**
 * A small space for young objects: by default V8 lets it grow to 16 MiB and more and keeps it, which is as much as all that
 * is measured, and lies in the figure or hides it by chance.
 */
export const CALM_MEMORY = ["--expose-gc", "--max-semi-space-size=1"];
/** Enough that all code is loaded, and so few that what they leave in free lists is nothing beside what follows. */
const WARM_UP_REQUESTS = 500;

/** Measures a row for one contender, in a fresh process each time: memory that was given back once is no measure. */
export async function measureMemory(row: MemoryRow, contender: Contender, times: number): Promise<MemoryFigures> {
  const all: MemoryFigures[] = [];
  for (let time = 0; time < times; time++) {
    await using server = await startModule(contender, { nodeOptions: CALM_MEMORY });
    all.push(await measureOnce(row, server));
  }
  return {
    rssKib: median(all.map(({ rssKib }) => rssKib)),
    heapKib: median(all.map(({ heapKib }) => heapKib)),
    externalKib: median(all.map(({ externalKib }) => externalKib)),
  };
}

async function measureOnce({ connections, streams }: MemoryRow, server: ServerProcess): Promise<MemoryFigures> {
  const url = `http://127.0.0.1:${server.port}/echo`;
  const request = { url, isHttp1: false, headers: {}, bodyFile: undefined, answerBytes: 0 };
  await runH2load({ by: "h2load", connections: 8, streams: 16 }, request, WARM_UP_REQUESTS);
  const before = await memoryOf(server);
  using stack = new DisposableStack();
  for (let opened = 0; opened < connections; opened += AT_A_TIME) {
    const count = Math.min(AT_A_TIME, connections - opened);
    await Promise.all(
      Array.from({ length: count }, async () => use(stack.use(await connectRaw(server.port)), streams)),
    );
  }
  const after = await memoryOf(server);
  const units = connections * Math.max(1, streams);
  const kibPerUnit = (key: "rss" | "heapUsed" | "external") => (after[key] - before[key]) / 1024 / units;
  return { rssKib: kibPerUnit("rss"), heapKib: kibPerUnit("heapUsed"), externalKib: kibPerUnit("external") };
}

async function use(connection: RawConnection, streams: number): Promise<void> {
  await (streams === 0 ? connection.request() : connection.openStreams(streams));
}

/** What the server's process has after forced collections, in bytes. */
async function memoryOf(server: ServerProcess): Promise<NodeJS.MemoryUsage> {
  // The answer of bench/peers/arguments.ts.
  return (await server.ask("memory", 20_000)) as NodeJS.MemoryUsage;
}
