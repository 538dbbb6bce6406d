import { deserialize, serialize } from "bson";
import { ConfigurationError } from "portico";
import type { Entry } from "../../../../gen/name/v1/history_domain.js";
import { backoffMs } from "./backoff.ts";
import { type Clock, systemClock, type Timer } from "./clock.ts";
import { ANSWER_MS, CLOSE_MS, type DatabaseThread, databaseViews, startDatabaseThread } from "./database-thread.ts";
import { createHealth } from "./health.ts";
import { pack, unpack } from "./packed-documents.ts";
import type { DatabasePlace, Operation } from "./sqlite-protocol.ts";
import { EntriesRefusedError, type OnHealth, type Store, StoreUnavailableError } from "./store.ts";
import { unlessAborted } from "./unless-aborted.ts";

export interface SqliteStoreOptions extends DatabasePlace {
  readonly onHealth: OnHealth;
  readonly clock?: Clock;
}

/**
 * Opens the store that needs nothing but Node: entries as BSON in a database of SQLite, in a thread of its own. It keeps at
 * most `maxEntries`, those with the highest ids. In memory all is gone with the process, and with the thread. A disk that is
 * full, locked or silent is no error: its health says so, and whoever asks next has the opening tried again.
 *
 * @throws ConfigurationError where the folder can never be used; it names DATA_DIR
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const { folder, maxEntries, onHealth, clock = systemClock } = options;
  const health = createHealth(databaseViews, onHealth);
  const ending = new AbortController();
  let thread: DatabaseThread | undefined;
  /** One at a time: a disk that hangs does not get better by a second thread that hangs. */
  let opening: Promise<DatabaseThread> | undefined;
  let failures = 0;
  let retry: Timer | undefined;
  let isClosed = false;
  // Whether a folder can be used is to be known at the start. A memory always can: its thread does not hold the start up.
  let mayRefuse = folder !== undefined;

  async function open(): Promise<DatabaseThread> {
    retry?.cancel();
    try {
      thread = await startDatabaseThread({ place: { folder, maxEntries }, health, clock, ending: ending.signal });
      health.set("thread", undefined);
      return thread;
    } catch (error) {
      opening = undefined;
      if (mayRefuse && !(error instanceof StoreUnavailableError)) {
        throw error;
      }
      health.set("thread", `the embedded database: ${textOf(error)}`);
      if (!isClosed) {
        // Also by itself: a service that is not ready may be given no calls that ask.
        retry = clock.schedule(backoffMs(++failures, Math.random), () => void opened(ANSWER_MS).catch(() => undefined));
      }
      throw error;
    }
  }

  /** The thread, once it is open; waits `limitMs` for that. */
  function opened(limitMs: number): Promise<DatabaseThread> {
    opening ??= open();
    const { promise, resolve, reject } = Promise.withResolvers<DatabaseThread>();
    const limit = clock.schedule(limitMs, () => {
      const problem = `it has not opened within ${limitMs / 1000} s`;
      health.set("thread", `the embedded database: ${problem}`);
      reject(new StoreUnavailableError(problem));
    });
    opening.then(resolve, reject).finally(() => limit.cancel());
    return promise;
  }

  async function ask(operation: Operation): Promise<Uint8Array> {
    if (isClosed) {
      throw new StoreUnavailableError("the history is closed");
    }
    try {
      thread ??= await opened(ANSWER_MS);
    } catch (error) {
      throw new StoreUnavailableError(`the embedded database: ${textOf(error)}`);
    }
    return thread.ask(operation);
  }

  if (folder !== undefined) {
    try {
      await opened(ANSWER_MS);
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) {
        refuse(folder, error);
      }
    }
    mayRefuse = false;
  }

  return {
    async insert(entries) {
      const documents = pack(entries.map(toDocument));
      await ask({ kind: "insert", ids: pack(entries.map(({ _id }) => _id.id)), documents });
    },
    async get({ id }, signal) {
      const [document] = unpack(await unlessAborted(() => ask({ kind: "get", id }), signal));
      return document && toEntry(document);
    },
    async page(before, size, signal) {
      const packed = await unlessAborted(() => ask({ kind: "page", before: before?.id, size }), signal);
      return unpack(packed).map(toEntry);
    },
    async [Symbol.asyncDispose]() {
      health.end();
      isClosed = true;
      retry?.cancel();
      const started = thread ?? (opening && (await opened(CLOSE_MS).catch(() => undefined)));
      if (started === undefined) {
        ending.abort();
      }
      await started?.[Symbol.asyncDispose]();
    },
  };
}

function refuse(folder: string, cause: unknown): never {
  throw new ConfigurationError(
    `name cannot start: DATA_DIR=${JSON.stringify(folder)}: the history cannot be kept there: ${textOf(cause)}`,
    { cause },
  );
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function toDocument(entry: Entry): Uint8Array {
  try {
    return serialize(entry, { ignoreUndefined: true });
  } catch (cause) {
    throw new EntriesRefusedError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/** The entry as it was: a Long also where a number could hold it. */
function toEntry(document: Uint8Array): Entry {
  return deserialize(document, { promoteLongs: false }) as Entry; // only entries are stored
}
