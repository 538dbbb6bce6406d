import type { Contender } from "../contenders.ts";
import type { BurstOrder } from "../loads/client-burst.ts";
import { startWorker, type Worker } from "../loads/orders.ts";
import type { BurstRow } from "../row.ts";
import { startModule } from "../servers.ts";
import { median } from "./median.ts";

/** Milliseconds from the first call's begin to the last answer, in rounds. */
export interface BurstFigures {
  readonly tookMs: number;
  readonly leastMs: number;
  readonly mostMs: number;
}

/** So that no round is the first that its client ever makes. */
const WARM_UP_ROUNDS = 2;

/** Measures how long bursts of calls take: clients on core 0, which open a new client for each, a server on core 1. */
export async function measureBursts(
  { calls }: BurstRow,
  contenders: readonly Contender[],
  rounds: number,
): Promise<ReadonlyMap<Contender, BurstFigures>> {
  await using stack = new AsyncDisposableStack();
  const { port } = stack.use(await startModule("few-streams", { core: 1 }));
  const clients: { readonly contender: Contender; readonly client: Worker; readonly all: number[] }[] = [];
  for (const contender of contenders) {
    const client = stack.use(await startWorker("client-burst.ts", 0, [contender]));
    clients.push({ contender, client, all: [] });
  }
  for (let round = 0; round < WARM_UP_ROUNDS + rounds; round++) {
    for (const { client, all } of clients) {
      const tookMs = (await client.run({ port, calls } satisfies BurstOrder)) as number; // what client-burst.ts gives
      if (round >= WARM_UP_ROUNDS) all.push(tookMs);
    }
  }
  return new Map(
    clients.map(({ contender, all }) => [
      contender,
      { tookMs: median(all), leastMs: Math.min(...all), mostMs: Math.max(...all) },
    ]),
  );
}
