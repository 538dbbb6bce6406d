import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Contender, isEcho, OVER_TLS, takesCalls, warmUpCalls } from "../contenders.ts";
import type { ServerCertificate } from "../loads/certificate.ts";
import { checkFirstAnswer } from "../loads/first-answer.ts";
import type { FrameOrder } from "../loads/frame-load.ts";
import { type H2loadRequest, runH2load } from "../loads/h2load.ts";
import type { HandshakeOrder } from "../loads/handshake-load.ts";
import { startWorker, type Worker } from "../loads/orders.ts";
import type { ServerRow } from "../row.ts";
import { type RunningServer, startContender } from "../servers.ts";
import { type CpuFigures, measureRounds, type RoundOptions, type Subject, warmUp } from "./rounds.ts";

export interface ServerOptions extends RoundOptions {
  readonly contenders: readonly Contender[];
  readonly certificate: ServerCertificate;
  /** Where files may be left that nobody needs after the run. */
  readonly folder: string;
  /** Told of contenders that do not get as far as to be measured; the others are. */
  onFailure(contender: Contender, error: unknown): void;
}

/** The code for connections is optimised later than that for calls: there are fewer in the time that everybody gets. */
const WARM_UP_HANDSHAKES = 2_000;
/** Loads that are processes of ours. */
const WORKERS = { frames: "frame-load.ts", handshakes: "handshake-load.ts" } as const;

/** Measures a row: every contender warm in a process of its own, then round by round in turn. */
export async function measureServers(
  row: ServerRow,
  { contenders, certificate, folder, rounds, seconds, onFailure }: ServerOptions,
): Promise<ReadonlyMap<Contender, CpuFigures>> {
  const { load, request } = row;
  await using stack = new AsyncDisposableStack();
  const worker = load.by === "h2load" ? undefined : stack.use(await startWorker(WORKERS[load.by], 1));
  const bodyFile = request.body.length > 0 ? join(folder, "body") : undefined;
  if (bodyFile !== undefined) await writeFile(bodyFile, request.body);
  const subjects = [];
  for (const contender of contenders) {
    try {
      const isTls = row.isTls && OVER_TLS[contender] === undefined;
      const server = stack.use(
        await startContender(contender, {
          certificate: isTls ? certificate : undefined,
          clientCa: load.by === "handshakes" && load.handshake === "mutual" ? certificate.authority : undefined,
          isHttp1: request.isHttp1,
          folder,
        }),
      );
      const expected = isEcho(contender) && request.isEchoed ? request.body : request.answer;
      const asked: H2loadRequest = {
        url: `${isTls ? "https" : "http"}://127.0.0.1:${server.port}${request.path}`,
        isHttp1: request.isHttp1,
        headers: request.headers,
        bodyFile,
        answerBytes: expected.length,
      };
      // The load of handshakes reads every answer, and has what servers ask of clients.
      if (load.by !== "handshakes") await checkFirstAnswer(asked, request.body, expected);
      const run = runOf(load, { asked, worker, port: server.port, contender, certificate });
      const subject = subjectOf(contender, server, run);
      const calls = load.by === "handshakes" ? WARM_UP_HANDSHAKES : warmUpCalls(contender);
      subjects.push({ subject, count: await warmUp(subject, seconds, calls) });
    } catch (error) {
      onFailure(contender, error);
    }
  }
  return await measureRounds(subjects, row.per.inRequest, rounds);
}

interface Loaded {
  readonly asked: H2loadRequest;
  readonly worker: Worker | undefined;
  readonly port: number;
  readonly contender: Contender;
  readonly certificate: ServerCertificate;
}

function runOf(load: ServerRow["load"], { asked, worker, port, contender, certificate }: Loaded): Subject["run"] {
  if (load.by === "h2load") return (count) => runH2load(load, asked, count);
  const orderOf = (count: number): FrameOrder | HandshakeOrder => {
    if (load.by === "handshakes") {
      const { handshake, connections } = load;
      return { handshake, port, certificate, isCalled: takesCalls(contender), connections, count };
    }
    const { job, connections, streams } = load;
    return { job, port, connections, streams, count, isEcho: isEcho(contender) };
  };
  return async (count) => {
    const startedAt = performance.now();
    await worker?.run(orderOf(count));
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
