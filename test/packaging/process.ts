import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { delimiter, dirname } from "node:path";

/** A process that a test started, and ends: disposing kills it if it still runs and waits until it is gone. */
export interface Running extends AsyncDisposable {
  readonly pid: number;
  /** Everything that it printed so far, standard output and error in the order in which they came. */
  output(): string;
  /** Waits until it is ready by the given probe; fails at once when the process ends before, and after `deadlineMs`. */
  until(ready: () => Promise<boolean>, deadlineMs?: number): Promise<void>;
  /** Sends the signal and gives the exit code, or the signal's name if that is what ended it. */
  stop(signal?: NodeJS.Signals, deadlineMs?: number): Promise<number | string>;
}

export interface CommandOptions {
  readonly cwd: string;
  /** The whole environment: nothing of the test's own reaches the process unless it is named here. */
  readonly env?: Readonly<Record<string, string>>;
  readonly deadlineMs?: number;
}

/** The test's environment for tools such as npm, without what npm and Vitest put there for themselves. */
export function cleanEnvironment(): Record<string, string> {
  const own =
    /^(npm_(package|lifecycle|command|execpath|node_execpath|config_local_prefix)|INIT_CWD|NODE_ENV|NODE_OPTIONS|VITEST|TEST$)/;
  const entries = Object.entries(process.env).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, value] as const],
  );
  return Object.fromEntries(entries.filter(([key]) => !own.test(key)));
}

/** The environment of a person who runs this Node and has none of this repository's programs in the path. */
export function userEnvironment(): Record<string, string> {
  return { ...cleanEnvironment(), PATH: ownPath(), npm_config_prefer_offline: "true" }; // mostly in npm's cache already
}

/** The environment that a service finds on a bare machine. */
export function bareEnvironment(): Record<string, string> {
  return { PATH: ownPath(), HOME: process.env["HOME"] ?? "/" };
}

function ownPath(): string {
  const others = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => !folder.includes("node_modules"));
  return [dirname(process.execPath), ...others].join(delimiter);
}

export function start(command: readonly [string, ...string[]], options: CommandOptions): Running {
  const [file, ...args] = command;
  const child = spawn(file, args, {
    cwd: options.cwd,
    env: options.env ?? bareEnvironment(),
    stdio: ["ignore", "pipe", "pipe"],
  });
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      printed += text;
    });
  }
  let ended: number | string | undefined;
  const end = new Promise<number | string>((resolve) => {
    child.once("error", (error) => {
      ended = error.message;
    });
    child.once("close", (code, signal) => {
      ended ??= code ?? signal ?? "unknown";
      resolve(ended);
    });
  });
  const said = () => `${command.join(" ")} printed:\n${printed}`;

  return {
    pid: child.pid ?? -1,
    output: () => printed,
    until: (ready, deadlineMs = 30_000) =>
      poll(
        async () => {
          if (ended !== undefined) throw new Error(`ended with ${ended} before it was ready; ${said()}`);
          return await ready();
        },
        deadlineMs,
        said,
      ),
    stop: async (signal = "SIGTERM", deadlineMs = 20_000) => {
      child.kill(signal);
      return await within(end, deadlineMs, () => `still runs after ${signal}; ${said()}`);
    },
    [Symbol.asyncDispose]: async () => {
      if (ended === undefined) child.kill("SIGKILL");
      await end;
    },
  };
}

/**
 * Runs a command to its end and gives what it printed; any other exit code than 0 is an error that shows it. After
 * `deadlineMs` (default two minutes) it is killed with all that it started: npm and docker do their work in children.
 */
export async function run(command: readonly [string, ...string[]], options: CommandOptions): Promise<string> {
  const [file, ...args] = command;
  const child = spawn(file, args, {
    cwd: options.cwd,
    env: options.env ?? cleanEnvironment(),
    stdio: ["ignore", "pipe", "pipe"],
    detached: true, // in a process group of its own
  });
  let out = "";
  let all = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text;
    all += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    all += text;
  });
  const killGroup = () => {
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  };
  const timer = setTimeout(killGroup, options.deadlineMs ?? 120_000);
  try {
    const [code, signal] = await once(child, "close");
    if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code ?? signal}:\n${all}`);
    return out;
  } finally {
    clearTimeout(timer);
  }
}

/** Whether the command can be run at all and ends with 0. */
export async function succeeds(command: readonly [string, ...string[]], options: CommandOptions): Promise<boolean> {
  try {
    await run(command, options);
    return true;
  } catch {
    return false; // No such program, or it says no: what the caller asked.
  }
}

/** Asks again and again until the answer is yes; what failed to come is explained by `explain`. */
export async function poll(probe: () => Promise<boolean>, deadlineMs: number, explain = () => ""): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (!(await probe())) {
    if (performance.now() > deadline) throw new Error(`not within ${deadlineMs} ms; ${explain()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function within<T>(promise: Promise<T>, deadlineMs: number, explain: () => string): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`not within ${deadlineMs} ms; ${explain()}`)), deadlineMs);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Whether the address answers with 200 right now. */
export async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { headers: { connection: "close" }, signal: AbortSignal.timeout(2_000) });
    await response.arrayBuffer();
    return response.status === 200;
  } catch {
    return false; // Not there yet, or not any more: what the caller asked.
  }
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("a listener without a port");
  return address.port;
}
