import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import { backoffMs } from "./backoff.ts";
import { type Clock, passed, systemClock, type Timer } from "./clock.ts";
import type { Health } from "./health.ts";
import {
  type Answer,
  type DatabasePlace,
  type Failure,
  OPENING,
  type Operation,
  type Question,
} from "./sqlite-protocol.ts";
import { EntriesRefusedError, StoreUnavailableError } from "./store.ts";

/** The embedded database in a thread of its own; one that dies is replaced. */
export interface DatabaseThread extends AsyncDisposable {
  /**
   * Gives the documents that are the answer, one after the other.
   *
   * @throws StoreUnavailableError where there is no answer, or SQLite says no
   * @throws EntriesRefusedError where it is the documents that SQLite does not take
   */
  ask(operation: Operation): Promise<Uint8Array>;
  /** Does what is asked for first, and then ends, within {@link CLOSE_MS}. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Whether the thread lives, answers, and can write. */
export const databaseViews = ["thread", "answers", "writes"] as const;
export type DatabaseView = (typeof databaseViews)[number];

export interface DatabaseThreadOptions {
  readonly place: DatabasePlace;
  readonly health: Health<DatabaseView>;
  readonly clock?: Clock;
  /** Ends an opening that nobody waits for any longer; a thread that is open is disposed of. */
  readonly ending?: AbortSignal;
}

/** Questions without an answer: more are refused. */
const MAX_PENDING = 1_000;
/** What an answer may take, above what SQLite waits for another process: a disk may hang for ever. */
export const ANSWER_MS = 10_000;
export const CLOSE_MS = 800;

// The compiler leaves the name in a URL as it is: beside a compiled file the worker is compiled too.
const program = new URL(`./sqlite-worker${extname(import.meta.url)}`, import.meta.url);
// Node 22.12 has node:sqlite behind a flag, and Node 22 and 23 warn of it, which nobody who runs the service can act on.
const execArgv = ["--disable-warning=ExperimentalWarning", "--experimental-sqlite"].filter((flag) =>
  process.allowedNodeEnvironmentFlags.has(flag.split("=")[0] ?? flag),
);

interface Pending {
  readonly kind: Operation["kind"];
  resolve(documents: Uint8Array): void;
  reject(error: Error): void;
  readonly limit: Timer;
}

type State =
  | { readonly kind: "open"; readonly worker: Worker }
  | { readonly kind: "lost"; readonly restart: Timer | undefined }
  | { readonly kind: "closed" };

/**
 * Resolves once the database is open, however long that takes.
 *
 * @throws StoreUnavailableError where it cannot be opened now, Error where it never can; the message says why
 */
export async function startDatabaseThread(options: DatabaseThreadOptions): Promise<DatabaseThread> {
  const { place, health, clock = systemClock, ending } = options;
  const pending = new Map<number, Pending>();
  let lastNumber = OPENING;
  let failures = 0;
  let opening: Worker | undefined;
  let state: State = { kind: "lost", restart: undefined };
  // By a function, as the compiler does not see that others set the state while something is waited for.
  const isClosed = () => state.kind === "closed";

  /** Resolves once the database is open. */
  function start(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const worker = new Worker(program, { name: "history", workerData: place, execArgv });
    opening = worker;
    let error = new StoreUnavailableError("its thread has ended");
    worker.on("message", (answer: Answer) => {
      if (answer.number !== OPENING) {
        settle(answer);
      } else if ("failure" in answer) {
        const { message, mayPass } = answer.failure;
        reject(mayPass ? new StoreUnavailableError(message) : new Error(message));
      } else if (isClosed()) {
        void worker.terminate();
      } else {
        opening = undefined;
        state = { kind: "open", worker };
        resolve();
      }
    });
    worker.on("error", (cause) => {
      error = new StoreUnavailableError(
        `its thread has ended: ${cause instanceof Error ? cause.message : String(cause)}`,
        { cause },
      );
    });
    worker.on("exit", () => {
      reject(error);
      if (state.kind === "open" && state.worker === worker) {
        lose(error);
      }
    });
    return promise;
  }

  function settle(answer: Answer): void {
    health.set("answers", undefined);
    const asked = pending.get(answer.number);
    pending.delete(answer.number);
    asked?.limit.cancel();
    const outcome = "documents" in answer ? answer.documents : errorOf(answer.failure);
    if (asked?.kind === "insert") {
      const isDown = outcome instanceof StoreUnavailableError; // whoever records tries again, and clears it
      health.set("writes", isDown ? `the embedded database: ${outcome.message}` : undefined);
    }
    if (outcome instanceof Error) {
      asked?.reject(outcome);
    } else {
      asked?.resolve(outcome);
    }
  }

  function failAll(reason: string): void {
    for (const { reject, limit } of pending.values()) {
      limit.cancel();
      reject(new StoreUnavailableError(reason));
    }
    pending.clear();
  }

  function lose({ message }: Error): void {
    failures++;
    const lost = place.folder === undefined ? ", and all entries with it" : "";
    health.set("thread", `the embedded database: ${message}${lost}`);
    health.set("answers", undefined);
    health.set("writes", undefined);
    failAll(message);
    state = { kind: "lost", restart: clock.schedule(backoffMs(failures, Math.random), () => void restart()) };
  }

  async function restart(): Promise<void> {
    state = { kind: "lost", restart: undefined };
    try {
      await start();
      failures = 0;
      health.set("thread", undefined);
    } catch (error) {
      if (!isClosed()) {
        lose(error as Error); // start rejects with nothing else
      }
    }
  }

  function ask(operation: Operation): Promise<Uint8Array> {
    if (state.kind !== "open") {
      return Promise.reject(new StoreUnavailableError("the embedded database is not open"));
    }
    if (pending.size >= MAX_PENDING) {
      return Promise.reject(
        new StoreUnavailableError(`${MAX_PENDING} questions to the embedded database wait already`),
      );
    }
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    const number = ++lastNumber;
    const limit = clock.schedule(ANSWER_MS, () => {
      const problem = `the embedded database has not answered within ${ANSWER_MS / 1000} s`;
      health.set("answers", problem);
      reject(new StoreUnavailableError(problem)); // it stays in the count of those that wait: the thread still has it
    });
    pending.set(number, { kind: operation.kind, resolve, reject, limit });
    const question: Question = { number, operation };
    const transfer = operation.kind === "insert" ? [operation.ids.buffer, operation.documents.buffer] : [];
    state.worker.postMessage(question, transfer);
    return promise;
  }

  async function close(): Promise<void> {
    const before = state;
    const closing = ask({ kind: "close" }).catch(() => undefined);
    state = { kind: "closed" };
    if (before.kind === "open") {
      await Promise.race([closing, passed(clock, CLOSE_MS)]);
      void before.worker.terminate();
    } else if (before.kind === "lost") {
      before.restart?.cancel();
      void opening?.terminate();
    }
    failAll("the history is closed");
  }

  ending?.addEventListener("abort", () => {
    state = { kind: "closed" };
    void opening?.terminate();
  });
  await start();
  let closed: Promise<void> | undefined;
  return {
    ask,
    [Symbol.asyncDispose]() {
      closed ??= close();
      return closed;
    },
  };
}

function errorOf({ message, isRefusal }: Failure): Error {
  return isRefusal ? new EntriesRefusedError(message) : new StoreUnavailableError(message);
}
