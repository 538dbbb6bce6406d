import type { Contender } from "../contenders.ts";
import { cpuTime } from "./cpu-time.ts";
import { median } from "./median.ts";

/** A contender that is ready to be measured. */
export interface Subject {
  readonly contender: Contender;
  /** The process whose CPU time counts. */
  readonly pid: number;
  /** Has it do something a number of times; returns how often a second it did. */
  run(count: number): Promise<number>;
  /** Whatever a run leaves behind. Throws where the process has ended. */
  tidy(): Promise<void>;
}

/** What a contender took in the median of its rounds. */
export interface CpuFigures {
  /** Microseconds of CPU time for one of what is counted: the median, the least and the most. */
  readonly cpuUs: number;
  readonly leastUs: number;
  readonly mostUs: number;
  /** Of it in the kernel, in the median. */
  readonly kernelUs: number;
  /** Less than could be where the other side, and not the one that is measured, is at its end. */
  readonly perSecond: number;
}

export interface RoundOptions {
  readonly rounds: number;
  /** About what a round takes; how often something is done in it follows from the warm-up. */
  readonly seconds: number;
}

const LEAST = 64;
/** Enough for V8 to have optimised what the slowest runs again and again. */
const WARM_UP_SECONDS = 2;

/**
 * Loads longer and longer, until it is a round's time, for two seconds and `calls` in all. Returns what a round then does.
 */
export async function warmUp({ run, tidy }: Subject, seconds: number, calls: number): Promise<number> {
  let count = LEAST;
  let made = 0;
  let spent = 0;
  for (;;) {
    const perSecond = await run(count);
    await tidy();
    made += count;
    spent += count / perSecond;
    const enough = Math.max(LEAST, Math.round(perSecond * seconds));
    const isWarm = spent >= WARM_UP_SECONDS && count > enough / 2;
    if (isWarm && made >= calls) return enough;
    count = isWarm ? calls - made : Math.min(count * 8, enough);
  }
}

/** Measures subjects that are warm, round by round in turn. Figures are for one of `inRun` that each run's one is worth. */
export async function measureRounds(
  subjects: readonly { readonly subject: Subject; readonly count: number }[],
  inRun: number,
  rounds: number,
): Promise<ReadonlyMap<Contender, CpuFigures>> {
  const all = subjects.map((entry) => ({
    ...entry,
    cpuUs: [] as number[],
    kernelUs: [] as number[],
    rate: [] as number[],
  }));
  for (let round = 0; round < rounds; round++) {
    for (const { subject, count, cpuUs, kernelUs, rate } of all) {
      const before = cpuTime(subject.pid);
      const perSecond = await subject.run(count);
      // Every answer was read; what is left is to close connections, which costs next to nothing.
      const after = cpuTime(subject.pid);
      await subject.tidy();
      cpuUs.push((after.totalUs - before.totalUs) / count / inRun);
      kernelUs.push((after.kernelUs - before.kernelUs) / count / inRun);
      rate.push(perSecond * inRun);
    }
  }
  return new Map(
    all.map(({ subject, cpuUs, kernelUs, rate }) => [
      subject.contender,
      {
        cpuUs: median(cpuUs),
        leastUs: Math.min(...cpuUs),
        mostUs: Math.max(...cpuUs),
        kernelUs: median(kernelUs),
        perSecond: median(rate),
      },
    ]),
  );
}
