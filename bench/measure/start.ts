import { NAME_SERVICE, startService } from "../servers.ts";
import { median } from "./median.ts";

/** Milliseconds. */
export interface StartFigures {
  readonly readyMs: number;
  readonly leastMs: number;
  readonly mostMs: number;
}

const TIMES = 9;

/** Starts the name service again and again; on no core of its own, as it would be. */
export async function measureStart(): Promise<StartFigures> {
  const all: number[] = [];
  for (let time = 0; time < TIMES; time++) {
    await using service = await startService({ module: NAME_SERVICE, folder: undefined });
    all.push(service.readyMs);
  }
  return { readyMs: median(all), leastMs: Math.min(...all), mostMs: Math.max(...all) };
}
