import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Contender, isEcho, warmUpCalls } from "../contenders.ts";
import type { Certificate } from "../loads/certificate.ts";
import { checkFirstAnswer } from "../loads/first-answer.ts";
import type { FrameOrder } from "../loads/frame-load.ts";
import { type H2loadRequest, runH2load } from "../loads/h2load.ts";
import { startWorker, type Worker } from "../loads/orders.ts";
import type { ServerRow } from "../row.ts";
import { type RunningServer, startContender } from "../servers.ts";
import { type CpuFigures, measureRounds, type RoundOptions, type Subject, warmUp } from "./rounds.ts";

export interface ServerOptions extends RoundOptions {
  readonly contenders: readonly Contender[];
  readonly certificate: Certificate | undefined;
  /** Where files may be left that nobody needs after the run. */
  readonly folder: string;
  /** Told of contenders that do not get as far as to be measured; the others are. */
  onFailure(contender: Contender, error: unknown): void;
}

/** Measures a row: every contender warm in a process of its own, then round by round in turn. */
export async function measureServers(
  row: ServerRow,
  { contenders, certificate, folder, rounds, seconds, onFailure }: ServerOptions,
): Promise<ReadonlyMap<Contender, CpuFigures>> {
  const { load, request } = row;
  await using stack = new AsyncDisposableStack();
  const worker = load.by === "frames" ? stack.use(await startWorker("frame-load.ts", 1)) : undefined;
  const bodyFile = request.body.length > 0 ? join(folder, "body") : undefined;
  if (bodyFile !== undefined) await writeFile(bodyFile, request.body);
  const subjects = [];
  for (const contender of contenders) {
    try {
      const options = { certificate: row.isTls ? certificate : undefined, isHttp1: request.isHttp1, folder };
      const server = stack.use(await startContender(contender, options));
      const expected = isEcho(contender) && request.isEchoed ? request.body : request.answer;
      const asked: H2loadRequest = {
        url: `${row.isTls ? "https" : "http"}://127.0.0.1:${server.port}${request.path}`,
        isHttp1: request.isHttp1,
        headers: request.headers,
        bodyFile,
        answerBytes: expected.length,
      };
      await checkFirstAnswer(asked, request.body, expected);
      const subject = subjectOf(contender, server, loadOf(row, asked, worker, server.port, isEcho(contender)));
      subjects.push({ subject, count: await warmUp(subject, seconds, warmUpCalls(contender)) });
    } catch (error) {
      onFailure(contender, error);
    }
  }
  return await measureRounds(subjects, row.per.inRequest, rounds);
}

function loadOf(
  { load }: ServerRow,
  asked: H2loadRequest,
  worker: Worker | undefined,
  port: number,
  isEcho: boolean,
): Subject["run"] {
  if (load.by === "h2load") return (count) => runH2load(load, asked, count);
  const { job, connections, streams } = load;
  return async (count) => {
    const startedAt = performance.now();
    await worker?.run({ job, port, connections, streams, count, isEcho } satisfies FrameOrder);
    return (count / (performance.now() - startedAt)) * 1_000;
  };
}

function subjectOf(contender: Contender, server: RunningServer, run: Subject["run"]): Subject {
  return {
    contender,
    pid: server.pid,
    run: (count) =>
      run(count).catch((cause: unknown) => {
        const message = cause instanceof Error ? cause.message : String(cause);
        throw new Error(
          `${contender}, which ${server.isRunning() ? "runs" : "has ended"}: ${message}\n${server.output()}`,
          { cause },
        );
      }),
    async tidy() {
      if (!server.isRunning()) throw new Error(`${contender} has ended:\n${server.output()}`);
      await server.tidy();
    },
  };
}
