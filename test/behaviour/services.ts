import type { LogLine } from "portico/testing";
import { type ServiceProcess, startProcess } from "../support/service-process.ts";

/** The service of this suite, in a process of its own as a user starts one. Disposing kills it. */
export interface Behaviour extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly process: ServiceProcess;
  readonly lines: readonly LogLine[];
  /** The first line of its log, written already or yet to come, that matches; fails when the process ends before. */
  line(matches: (line: LogLine) => boolean): Promise<LogLine>;
}

/** Far more than any line takes to come. */
const BOUND_MS = 20_000;

export async function startBehaviour(env: Readonly<Record<string, string>> = {}): Promise<Behaviour> {
  const process = startProcess("test/behaviour/main.ts", env);
  const lines: LogLine[] = [];
  const watchers = new Set<() => void>();
  let rest = "";
  let exit: number | string | undefined;
  const wake = () => {
    for (const watcher of [...watchers]) watcher();
  };
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
  const url = await process.url();
  return {
    url,
    port: Number(new URL(url).port),
    process,
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
          else if (exit !== undefined) fail(`the process ended with ${exit}`);
        };
        const timer = setTimeout(() => fail(`${BOUND_MS} ms passed`), BOUND_MS);
        watchers.add(look);
        look();
      }),
    [Symbol.asyncDispose]: () => process[Symbol.asyncDispose](),
  };
}

/** Two of them, the first of which calls the second. */
export interface Pair extends AsyncDisposable {
  readonly front: Behaviour;
  readonly next: Behaviour;
}

export async function startPair(env: Readonly<Record<string, string>> = {}): Promise<Pair> {
  const next = await startBehaviour();
  const front = await startBehaviour({ ONWARD_URL: next.url, ...env });
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
