import { deserialize, serialize } from "bson";
import { ConfigurationError } from "portico";
import type { Entry } from "../../../../gen/name/v1/history_domain.js";
import { type DatabaseThread, databaseViews, startDatabaseThread } from "./database-thread.ts";
import { createHealth } from "./health.ts";
import { pack, unpack } from "./packed-documents.ts";
import type { DatabasePlace, Operation } from "./sqlite-protocol.ts";
import { EntriesRefusedError, type OnHealth, type Store, StoreUnavailableError } from "./store.ts";

export interface SqliteStoreOptions extends DatabasePlace {
  readonly onHealth: OnHealth;
}

/**
 * Opens the store that needs nothing but Node: entries as BSON in a database of SQLite, in a thread of its own. It keeps at
 * most `maxEntries`, those with the highest ids. In memory all is gone with the process, and with the thread.
 *
 * @throws ConfigurationError where the folder cannot be used; it names DATA_DIR
 */
export async function openSqliteStore({ folder, maxEntries, onHealth }: SqliteStoreOptions): Promise<Store> {
  const health = createHealth(databaseViews, onHealth);
  const start = () => startDatabaseThread({ place: { folder, maxEntries }, health });
  // Whether a folder can be used is to be known at the start. A memory always can: its thread does not hold the start up.
  let thread = folder === undefined ? undefined : await start().catch((error) => refuse(folder, error));
  let starting: Promise<DatabaseThread> | undefined;

  async function ask(operation: Operation): Promise<Uint8Array> {
    thread ??= await startOnce();
    return thread.ask(operation);
  }

  async function startOnce(): Promise<DatabaseThread> {
    starting ??= start();
    try {
      return await starting;
    } catch (error) {
      starting = undefined;
      throw new StoreUnavailableError(`no thread for the embedded database: ${textOf(error)}`);
    }
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
      const started = thread ?? (await starting?.catch(() => undefined));
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

/** The thread goes on with what it was asked; nobody waits for it any longer. */
function unlessAborted<T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) {
    return work();
  }
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    work()
      .then(resolve, reject)
      .finally(() => signal.removeEventListener("abort", abort));
  });
}
