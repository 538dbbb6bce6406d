import type { Certificate } from "./certificate.ts";
import { CONTENDERS, type Contender, startContender } from "./contenders.ts";
import { cpuTime } from "./cpu-time.ts";
import { type Load, runLoad } from "./h2load.ts";
import { median } from "./median.ts";
import type { LoadRow } from "./rows.ts";

export interface LoadOptions {
  readonly contenders: readonly Contender[];
  readonly rounds: number;
  /** About what a round takes; the number of requests that it has follows from the warm-up. */
  readonly seconds: number;
  readonly certificate: Certificate | undefined;
  /** The file with the row's body. */
  readonly bodyFile: string | undefined;
}

/** What a contender took in the median of its rounds. */
export interface LoadFigures {
  /** Microseconds of the server's CPU time for a request or MiB: the median, the least and the most. */
  readonly cpuUs: number;
  readonly leastUs: number;
  readonly mostUs: number;
  /** Of it in the kernel, in the median. */
  readonly kernelUs: number;
  /** Less than the server could do where h2load, and not the server, is at its end. */
  readonly perSecond: number;
}

const LEAST_REQUESTS = 64;

/** Loads a server for longer and longer, until it is a round's time. Returns the requests that a round then takes. */
async function warmUp(url: string, load: Load, seconds: number): Promise<number> {
  let requests = LEAST_REQUESTS;
  for (;;) {
    const { requestsPerSecond } = await runLoad(url, load, requests);
    const enough = Math.max(LEAST_REQUESTS, Math.round(requestsPerSecond * seconds));
    if (requests > enough / 2) return enough;
    requests = Math.min(requests * 8, enough);
  }
}

/** Measures a row: every contender warm in a process of its own, then round by round in turn. */
export async function measureLoad(row: LoadRow, options: LoadOptions): Promise<ReadonlyMap<Contender, LoadFigures>> {
  const { contenders, rounds, seconds, certificate, bodyFile } = options;
  const load: Load = { ...row.load, ...(bodyFile !== undefined && { bodyFile }) };
  await using stack = new AsyncDisposableStack();
  const runs = [];
  for (const contender of CONTENDERS.filter((name) => contenders.includes(name))) {
    const server = stack.use(await startContender(contender, { certificate: row.isTls ? certificate : undefined }));
    const url = `${row.isTls ? "https" : "http"}://127.0.0.1:${server.port}${row.path}`;
    const requests = await warmUp(url, load, seconds);
    runs.push({
      contender,
      server,
      url,
      requests,
      cpuUs: [] as number[],
      kernelUs: [] as number[],
      perSecond: [] as number[],
    });
  }
  for (let round = 0; round < rounds; round++) {
    for (const { server, url, requests, cpuUs, kernelUs, perSecond } of runs) {
      const before = cpuTime(server.pid);
      const result = await runLoad(url, load, requests);
      if (!server.isRunning()) throw new Error(`The server has ended:\n${server.output()}`);
      // h2load has read every answer; what is left is to close its connections, which costs next to nothing.
      const after = cpuTime(server.pid);
      cpuUs.push((after.totalUs - before.totalUs) / requests);
      kernelUs.push((after.kernelUs - before.kernelUs) / requests);
      perSecond.push(result.requestsPerSecond);
    }
  }
  return new Map(
    runs.map(({ contender, cpuUs, kernelUs, perSecond }) => [
      contender,
      {
        cpuUs: median(cpuUs),
        leastUs: Math.min(...cpuUs),
        mostUs: Math.max(...cpuUs),
        kernelUs: median(kernelUs),
        perSecond: median(perSecond),
      },
    ]),
  );
}
