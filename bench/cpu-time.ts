import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

const ticksPerSecond = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));

/**
 * The CPU time, in microseconds, that a process and its descendants have used so far, in user mode and in the kernel, as
 * the operating system counts it: `utime` and `stime` of proc(5)'s stat, in steps of 10,000 on common systems. Those of
 * a process are those of all its threads, so collections and compilations in the background are in it.
 */
export function cpuTimeUs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The second field is the program's name in parentheses, and may hold spaces; utime and stime are the 14th and 15th.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const own = ((Number(fields[11]) + Number(fields[12])) / ticksPerSecond) * 1e6;
  return childrenOf(pid).reduce((sum, child) => sum + cpuTimeUs(child), own);
}

function childrenOf(pid: number): readonly number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8").split(" ").filter(Boolean).map(Number),
  );
}
