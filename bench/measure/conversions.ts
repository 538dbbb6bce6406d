import type { Contender } from "../contenders.ts";
import type { ConversionOrder } from "../loads/conversion-load.ts";
import { startWorker } from "../loads/orders.ts";
import type { ConversionRow } from "../row.ts";
import { type CpuFigures, measureRounds, type RoundOptions, type Subject, warmUp } from "./rounds.ts";

/** Measures conversions on core 0: nothing is sent. */
export async function measureConversions(
  { message }: ConversionRow,
  contenders: readonly Contender[],
  { rounds, seconds }: RoundOptions,
): Promise<ReadonlyMap<Contender, CpuFigures>> {
  using stack = new DisposableStack();
  const subjects = [];
  for (const contender of contenders) {
    const worker = stack.use(await startWorker("conversion-load.ts", 0, [contender, message]));
    const subject: Subject = {
      contender,
      pid: worker.pid,
      async run(count) {
        const startedAt = performance.now();
        await worker.run({ count } satisfies ConversionOrder);
        return (count / (performance.now() - startedAt)) * 1_000;
      },
      tidy: async () => undefined,
    };
    subjects.push({ subject, count: await warmUp(subject, seconds, 0) });
  }
  return await measureRounds(subjects, 1, rounds);
}
