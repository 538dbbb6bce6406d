import { fstatSync, writeSync } from "node:fs";
import { type Clock, systemClock } from "../call/clock.ts";

/** What an output does its work with; tests put their own in the place of the system's. */
export interface OutputMeans {
  /** Writes bytes, and says how many of them were taken; throws as `fs.writeSync` does. */
  readonly writeBytes: (bytes: Uint8Array) => number;
  /** Blocks for a time. */
  readonly block: (delayMs: number) => void;
  /** Says what is wrong with the log to somebody who does not read the log. */
  readonly complain: (message: string) => void;
  readonly clock: Clock;
}

/** What a pipe takes in whole or not at all (pipe(7), PIPE_BUF). */
const ATOMIC_BYTES = 4096;
const LINE_END = 10;

/** How many bytes of whole lines a pipe takes so that nobody else's get into them; a long line goes by itself. */
export function atomicLength(lines: Uint8Array): number {
  if (lines.length <= ATOMIC_BYTES) {
    return lines.length;
  }
  const fitting = lines.lastIndexOf(LINE_END, ATOMIC_BYTES - 1) + 1;
  return fitting > 0 ? fitting : lines.indexOf(LINE_END) + 1;
}

/** The system's means to write to a file descriptor. */
export function systemMeans(fd: number): OutputMeans {
  const never = new Int32Array(new SharedArrayBuffer(4));
  const isFile = fstatSync(fd).isFile();
  return {
    writeBytes: (bytes) => writeSync(fd, bytes, 0, isFile ? bytes.length : atomicLength(bytes)),
    block: (delayMs) => void Atomics.wait(never, 0, 0, delayMs),
    complain: (message) => void process.stderr.write(`${message}\n`),
    clock: systemClock,
  };
}
