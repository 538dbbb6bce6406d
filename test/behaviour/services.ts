import type { LogLine } from "portico/testing";
import { type ServiceProcess, startProcess } from "../support/service-process.ts";

/** What speaks HTTP/2 on the service's side: the values of HTTP2_ENGINE. */
export const HTTP2_ENGINES = ["own", "node"] as const;

/** What answers on the service's side: an engine, and for our own also Connect's universal handlers above it. */
export const ENGINES = [...HTTP2_ENGINES, "universal"] as const;

/**
 * As {@link ENGINES}, and connect-node without anything of ours (reference.ts). It is asked what every answer is like; not
 * what is the chassis's: log, request id, deadline, cancellation, error rules, what no method's handler sees, and limits,
 * in which it stalls. How it takes what is malformed, test/differential tells.
 */
export const ALL_ENGINES = [...ENGINES, "connect-node"] as const;
export type Engine = (typeof ALL_ENGINES)[number];

const MAIN = "test/behaviour/main.ts";
const STARTS: Readonly<Record<Engine, (env: Readonly<Record<string, string>>) => ServiceProcess>> = {
  own: (env) => startProcess(MAIN, env),
  node: (env) => startProcess(MAIN, { ...env, HTTP2_ENGINE: "node" }),
  universal: (env) => startProcess(MAIN, { ...env, BEHAVIOUR_RPC_PATH: "universal" }),
  "connect-node": (env) => startProcess("test/behaviour/reference.ts", env),
};

/** The service of this suite, in a process of its own as a user starts one. Disposing kills it. */
export interface Behaviour extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly process: ServiceProcess;
  /** Where a process with this engine listens. */
  urlBy(engine: Engine): string;
  readonly lines: readonly LogLine[];
  /** The first line of its log, written already or yet to come, that matches; fails when the process ends before. */
  line(matches: (line: LogLine) => boolean): Promise<LogLine>;
}

/** Far more than any line takes to come. */
const BOUND_MS = 20_000;

/** Starts a process with the default engine, or that of `env`. */
export async function startBehaviour(env: Readonly<Record<string, string>> = {}): Promise<Behaviour> {
  const process = STARTS.own(env);
  const log = readLogs([process]);
  const url = await process.url();
  return {
    url,
    port: Number(new URL(url).port),
    process,
    urlBy: () => url,
    ...log,
    [Symbol.asyncDispose]: () => process[Symbol.asyncDispose](),
  };
}

/** Starts a process for each engine; what all log is one. All but `urlBy` and the log is of the one with our own. */
export async function startOverAll(
  env: Readonly<Record<string, string>> = {},
  engines: readonly Engine[] = ENGINES,
): Promise<Behaviour> {
  const processes = engines.map((engine) => [engine, STARTS[engine](env)] as const);
  const [[, own]] = processes as [(typeof processes)[number]]; // there is an engine
  const log = readLogs(processes.map(([, process]) => process));
  const urls = new Map(
    await Promise.all(processes.map(async ([engine, process]) => [engine, await process.url()] as const)),
  );
  const urlBy = (engine: Engine) => urls.get(engine) ?? "";
  return {
    url: urlBy("own"),
    port: Number(new URL(urlBy("own")).port),
    process: own,
    urlBy,
    ...log,
    async [Symbol.asyncDispose]() {
      await Promise.all(processes.map(([, process]) => process[Symbol.asyncDispose]()));
    },
  };
}

function readLogs(processes: readonly ServiceProcess[]): Pick<Behaviour, "lines" | "line"> {
  const lines: LogLine[] = [];
  const watchers = new Set<() => void>();
  let exit: number | string | undefined;
  const wake = () => {
    for (const watcher of [...watchers]) watcher();
  };
  for (const process of processes) {
    let rest = "";
    process.child.stdout.on("data", (text: string) => {
      const whole = (rest + text).split("\n");
      rest = whole.pop() ?? "";
      lines.push(...whole.map((line) => JSON.parse(line) as LogLine)); // the shape of every line
      wake();
    });
    void process.exit.then((code) => {
      exit = code;
      wake();
    });
  }
  return {
    lines,
    line: (matches) =>
      new Promise((resolve, reject) => {
        const settle = (outcome: () => void) => {
          watchers.delete(look);
          clearTimeout(timer);
          outcome();
        };
        const fail = (why: string) => {
          const last = lines.slice(-10).map((line) => JSON.stringify(line));
          settle(() => reject(new Error(`${why} before a line for ${matches}; the last:\n${last.join("\n")}`)));
        };
        const look = () => {
          const found = lines.find(matches);
          if (found !== undefined) settle(() => resolve(found));
          else if (exit !== undefined) fail(`a process ended with ${exit}`);
        };
        const timer = setTimeout(() => fail(`${BOUND_MS} ms passed`), BOUND_MS);
        watchers.add(look);
        look();
      }),
  };
}

/** Two of them, the first of which, over all engines, calls the second. */
export interface Pair extends AsyncDisposable {
  readonly front: Behaviour;
  readonly next: Behaviour;
}

export async function startPair(env: Readonly<Record<string, string>> = {}): Promise<Pair> {
  const next = await startBehaviour();
  const front = await startOverAll({ ONWARD_URL: next.url, ...env });
  return {
    front,
    next,
    async [Symbol.asyncDispose]() {
      await front[Symbol.asyncDispose]();
      await next[Symbol.asyncDispose]();
    },
  };
}

/** The access line of a call. */
export function accessLine(service: Behaviour, requestId: string): Promise<LogLine> {
  return service.line((line) => line.name === "behaviour.access" && line["request_id"] === requestId);
}

/** The line of a call that holds this text. */
export function callLine(service: Behaviour, requestId: string, text: string): Promise<LogLine> {
  return service.line((line) => line["request_id"] === requestId && line.message.includes(text));
}
