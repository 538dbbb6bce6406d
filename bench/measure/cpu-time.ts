import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

const ticksPerSecond = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));

/** CPU time in microseconds. */
export interface CpuTime {
  /** In user mode and in the kernel. */
  readonly totalUs: number;
  /** In the kernel alone: what reading, writing and waiting take, whatever the program around them is. */
  readonly kernelUs: number;
}

/**
 * The CPU time that a process and its descendants have used so far, as the operating system counts it: `utime` and `stime`
 * of proc(5)'s stat, in steps of 10,000 us on common systems. Those of a process are those of all its threads, so
 * collections and compilations in the background are in it.
 */
export function cpuTime(pid: number): CpuTime {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The second field is the program's name in parentheses, and may hold spaces; utime and stime are the 14th and 15th.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [userUs, kernelUs] = [fields[11], fields[12]].map((ticks) => (Number(ticks) / ticksPerSecond) * 1e6) as [
    number,
    number,
  ];
  return childrenOf(pid)
    .map(cpuTime)
    .reduce((sum, child) => ({ totalUs: sum.totalUs + child.totalUs, kernelUs: sum.kernelUs + child.kernelUs }), {
      totalUs: userUs + kernelUs,
      kernelUs,
    });
}

function childrenOf(pid: number): readonly number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8").split(" ").filter(Boolean).map(Number),
  );
}
