import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** A load by h2load: connections, and requests under way on each. */
export interface H2load {
  readonly by: "h2load";
  readonly connections: number;
  readonly streams: number;
}

/** What every request is, and what its answer has to be. */
export interface H2loadRequest {
  readonly url: string;
  readonly isHttp1: boolean;
  readonly headers: Readonly<Record<string, string>>;
  /** A file that every request carries as its body, by POST; without one it is a GET. */
  readonly bodyFile: string | undefined;
  /** Bytes of every answer's body. */
  readonly answerBytes: number;
}

const WITHIN_MS = 120_000;

/**
 * Runs h2load on core 1 until all of a number of requests are answered. It could be told a time instead, but what it has
 * under way at the end of that is served and not counted.
 *
 * @returns requests per second
 * @throws Error where not every request was answered by a 2xx, or the answers' bodies are not as long as they have to be
 *   together: a gRPC error is a 200 as well, but has no message
 */
export async function runH2load(
  { connections, streams }: H2load,
  { url, isHttp1, headers, bodyFile, answerBytes }: H2loadRequest,
  requests: number,
): Promise<number> {
  const shape = [`-c${connections}`, `-m${streams}`, `-n${requests}`, ...(isHttp1 ? ["--h1"] : [])];
  const fields = Object.entries(headers).flatMap(([name, value]) => ["-H", `${name}: ${value}`]);
  const body = bodyFile === undefined ? [] : ["-d", bodyFile];
  const flags = ["-c", "1", "h2load", ...shape, ...fields, ...body, url];
  const { stdout } = await promisify(execFile)("taskset", flags, { timeout: WITHIN_MS, killSignal: "SIGKILL" });
  const rate = Number(/finished in [^,]+, ([\d.]+) req\/s/.exec(stdout)?.[1]);
  const failed = Number(/(\d+) failed/.exec(stdout)?.[1]);
  const good = Number(/status codes: (\d+) 2xx/.exec(stdout)?.[1]);
  const bytes = Number(/headers \([^)]*\)[^,]*, \S+ \((\d+)\) data/.exec(stdout)?.[1]);
  // Not NaN, which would be a form of output that is not known here.
  if (good !== requests || failed !== 0 || bytes !== requests * answerBytes || !(rate > 0))
    throw new Error(`h2load did not get its answers from ${url}:\n${stdout}`);
  return rate;
}
