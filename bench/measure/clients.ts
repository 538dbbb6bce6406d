import type { Contender } from "../contenders.ts";
import type { ClientOrder } from "../loads/client-load.ts";
import { startWorker } from "../loads/orders.ts";
import type { ClientRow } from "../row.ts";
import { startContender } from "../servers.ts";
import { type CpuFigures, measureRounds, type RoundOptions, type Subject, warmUp } from "./rounds.ts";

/** Enough that the slowest has its optimised code. */
const WARM_UP_CALLS = 20_000;

/** Measures clients on core 0, against the same two servers on core 1 for all, of which most use the first alone. */
export async function measureClients(
  { inFlight }: ClientRow,
  contenders: readonly Contender[],
  { rounds, seconds, folder }: RoundOptions & { readonly folder: string },
): Promise<ReadonlyMap<Contender, CpuFigures>> {
  await using stack = new AsyncDisposableStack();
  const options = { certificate: undefined, isHttp1: false, folder, core: 1 } as const;
  const servers = [stack.use(await startContender("bare", options)), stack.use(await startContender("bare", options))];
  const ports = servers.map(({ port }) => port);
  const subjects = [];
  for (const contender of contenders) {
    const client = stack.use(await startWorker("client-load.ts", 0, [contender]));
    const subject: Subject = {
      contender,
      pid: client.pid,
      async run(count) {
        const startedAt = performance.now();
        await client.run({ ports, count, inFlight } satisfies ClientOrder);
        return (count / (performance.now() - startedAt)) * 1_000;
      },
      tidy: async () => undefined,
    };
    subjects.push({ subject, count: await warmUp(subject, seconds, WARM_UP_CALLS) });
  }
  return await measureRounds(subjects, 1, rounds);
}
