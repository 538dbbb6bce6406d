import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** The shape of a load: connections, and requests under way on each. */
export interface Load {
  readonly connections: number;
  readonly streams: number;
  /** A file that every request carries as its body, by POST; without one it is a GET. */
  readonly bodyFile?: string;
}

export interface LoadResult {
  readonly requestsPerSecond: number;
}

const withinMs = 30_000;

/**
 * Runs h2load on core 1 until all of a number of requests are answered. It could be told a time instead, but what it has
 * under way at the end of that is served and not counted.
 *
 * @throws Error where not every request was answered by a 2xx
 */
export async function runLoad(
  url: string,
  { connections, streams, bodyFile }: Load,
  requests: number,
): Promise<LoadResult> {
  const body = bodyFile === undefined ? [] : ["-d", bodyFile];
  const flags = ["-c", "1", "h2load", `-c${connections}`, `-m${streams}`, `-n${requests}`, ...body, url];
  const { stdout } = await promisify(execFile)("taskset", flags, {
    timeout: withinMs,
    killSignal: "SIGKILL",
  });
  const rate = Number(/finished in [^,]+, ([\d.]+) req\/s/.exec(stdout)?.[1]);
  const failed = Number(/(\d+) failed/.exec(stdout)?.[1]);
  const good = Number(/status codes: (\d+) 2xx/.exec(stdout)?.[1]);
  // Not NaN, which would be a form of output that is not known here.
  if (good !== requests || failed !== 0 || !(rate > 0))
    throw new Error(`h2load did not get its answers from ${url}:\n${stdout}`);
  return { requestsPerSecond: rate };
}
