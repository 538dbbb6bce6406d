import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { BUILT_NAME_SERVICE, startService } from "../servers.ts";
import { median } from "./median.ts";

/** Milliseconds. */
export interface StartFigures {
  readonly readyMs: number;
  readonly leastMs: number;
  readonly mostMs: number;
}

const TIMES = 9;

/** Builds the name service, and starts it again and again; on no core of its own, as it would be. */
export async function measureStart(): Promise<StartFigures> {
  await promisify(execFile)(process.execPath, [join(import.meta.dirname, "../../tools/build.ts")]);
  const all: number[] = [];
  for (let time = 0; time < TIMES; time++) {
    await using service = await startService({ module: BUILT_NAME_SERVICE, folder: undefined });
    all.push(service.readyMs);
  }
  return { readyMs: median(all), leastMs: Math.min(...all), mostMs: Math.max(...all) };
}
