import type { Contender } from "../contenders.ts";
import type { WaitingMemory, WaitingOrder } from "../loads/client-waiting.ts";
import { startWorker } from "../loads/orders.ts";
import type { WaitingRow } from "../row.ts";
import { startModule } from "../servers.ts";
import { median } from "./median.ts";
import { CALM_MEMORY } from "./memory.ts";

/** In the median of processes. */
export interface WaitingFigures {
  /** For each call that waits, with the promise that its caller holds. */
  readonly heapKib: number;
  readonly rssKib: number;
  /** From the moment in which the server begins to answer until every call is settled. */
  readonly settledMs: number;
  /** Calls that were not answered well. */
  readonly failed: number;
}

/** Measures one client, on core 0, in a fresh process each time, as its server on core 1 is. */
export async function measureWaiting(
  { calls }: WaitingRow,
  contender: Contender,
  times: number,
): Promise<WaitingFigures> {
  const memory: WaitingMemory[] = [];
  const settledMs: number[] = [];
  const failed: number[] = [];
  for (let time = 0; time < times; time++) {
    await using server = await startModule("few-streams", { core: 1 });
    using client = await startWorker("client-waiting.ts", 0, [contender], CALM_MEMORY);
    const { port } = server;
    memory.push((await client.run({ port, calls } satisfies WaitingOrder)) as WaitingMemory); // what it gives
    const startedAt = performance.now();
    const released = server.ask("release", 20_000); // it answers after a while, and begins at once
    failed.push((await client.run({ isToSettle: true } satisfies WaitingOrder)) as number); // what it gives
    settledMs.push(performance.now() - startedAt);
    await released;
  }
  return {
    heapKib: median(memory.map(({ heapBytes }) => heapBytes)) / 1024,
    rssKib: median(memory.map(({ rssBytes }) => rssBytes)) / 1024,
    settledMs: median(settledMs),
    failed: median(failed),
  };
}
