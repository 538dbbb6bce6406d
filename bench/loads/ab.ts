import { execFile } from "node:child_process";
import { promisify } from "node:util";

const WITHIN_MS = 60_000;

/**
 * Runs ab, which makes a connection for each request.
 *
 * @returns requests per second
 * @throws Error where not every request was answered by a 2xx
 */
export async function runAb(url: string, concurrency: number, requests: number): Promise<number> {
  const flags = ["-q", "-c", String(concurrency), "-n", String(requests), url];
  const { stdout } = await promisify(execFile)("ab", flags, { timeout: WITHIN_MS, killSignal: "SIGKILL" });
  const rate = Number(/^Requests per second:\s+([\d.]+)/m.exec(stdout)?.[1]);
  const isWhole = stdout.includes(`Complete requests:      ${requests}\n`) && /^Failed requests:\s+0$/m.test(stdout);
  if (!isWhole || /^Non-2xx/m.test(stdout) || !(rate > 0)) {
    throw new Error(`ab did not get its answers from ${url}:\n${stdout}`);
  }
  return rate;
}
