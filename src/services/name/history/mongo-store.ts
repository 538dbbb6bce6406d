import type { ObjectId } from "bson";
import type { Collection, Filter, MongoClient, MongoClientOptions, TopologyDescription } from "mongodb";
import { ConfigurationError } from "portico";
import type { Entry } from "../../../../gen/name/v1/history_domain.js";
import { passed, systemClock } from "./clock.ts";
import { createHealth } from "./health.ts";
import { keepConnecting } from "./mongo-connection.ts";
import { insertFailure, textOf, unavailable } from "./mongo-errors.ts";
import { type MongoUrl, readMongoUrl } from "./mongo-url.ts";
import { type OnHealth, type Store, StoreUnavailableError } from "./store.ts";
import { unlessAborted } from "./unless-aborted.ts";

export interface MongoStoreOptions {
  /** `mongodb://…` or `mongodb+srv://…`; its options go before ours. */
  readonly url: string;
  readonly onHealth: OnHealth;
}

/** Times in milliseconds; each bounds one step of an operation, so that none waits for ever. */
const DEFAULTS: MongoClientOptions = {
  appName: "name",
  serverSelectionTimeoutMS: 3_000,
  waitQueueTimeoutMS: 3_000,
  connectTimeoutMS: 3_000,
  socketTimeoutMS: 5_000,
  heartbeatFrequencyMS: 2_000, // how soon it is known that a server is back, or gone without a word
  maxPoolSize: 5, // one for what is recorded: history.ts has at most 4 reads under way
};
/** How long the server may work on a read, in milliseconds: it gives up before we do, and no socket has to be closed. */
const MAX_READ_MS = 4_000;
const DATABASE = "portico";
const COLLECTION = "history";
/** How long the opening waits for a first sign of the server, so that a store that is well is so from the start. */
const FIRST_SIGN_MS = 1_000;
/** For what is under way, and then for the driver. */
const CLOSE_MS = 400;

/**
 * Opens the store in a MongoDB, by its official driver. One that cannot be reached is no error: it is connected to once it
 * can be, and its health says so. Nothing is ever deleted there; an index that ends documents is for whoever runs it to make.
 *
 * @throws ConfigurationError where the URL is wrong, or the driver is not installed
 */
export async function openMongoStore({ url, onHealth }: MongoStoreOptions): Promise<Store> {
  const mongoUrl = readMongoUrl(url);
  const { redact } = mongoUrl;
  const client = await createClient(url, mongoUrl);
  const health = createHealth(["connection", "writes"], onHealth);
  const pending = new Set<Promise<unknown>>();
  // Documents are read as they were written: a Long also where a number could hold it.
  const collection: Collection<Entry> = client
    .db(mongoUrl.database ?? DATABASE)
    .collection(COLLECTION, { promoteLongs: false, ignoreUndefined: true });

  const firstSign = Promise.withResolvers<void>();
  function noteConnection(problem: string | undefined): void {
    health.set("connection", problem && `MongoDB: ${redact(problem)}`);
    firstSign.resolve();
  }
  let sight: Sight | undefined;
  let isConnected = false; // before, a server that answers may still let nobody in
  client.on("topologyDescriptionChanged", ({ newDescription }) => {
    sight = sightOf(newDescription) ?? sight;
    if (sight !== undefined && (isConnected || sight.problem !== undefined)) {
      noteConnection(sight.problem);
    }
  });
  const connecting = keepConnecting(client, {
    onFailure: (error) => noteConnection(sight?.problem ?? textOf(error, redact)),
    onConnected() {
      isConnected = true;
      noteConnection(sight?.problem);
    },
  });
  if ((await Promise.race([firstSign.promise, passed(systemClock, FIRST_SIGN_MS)])) === "passed") {
    noteConnection(`no answer within ${FIRST_SIGN_MS / 1000} s`);
  }

  /** Has the end of the store wait for `work`. */
  async function track<T>(work: Promise<T>): Promise<T> {
    pending.add(work);
    try {
      return await work;
    } finally {
      pending.delete(work);
    }
  }

  async function read<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await track(work());
    } catch (error) {
      throw unavailable(error, redact);
    }
  }

  // The driver is not given the signals of readers: it closes a connection of the pool whenever one is aborted.
  async function find(id: ObjectId): Promise<Entry | undefined> {
    return (await collection.findOne({ _id: id }, { maxTimeMS: MAX_READ_MS })) ?? undefined;
  }

  function findPage(before: ObjectId | undefined, size: number): Promise<readonly Entry[]> {
    const filter: Filter<Entry> = before === undefined ? {} : { _id: { $lt: before } };
    // A batch as large as the page: one request, and no cursor that stays open.
    const options = { sort: { _id: -1 }, limit: size, batchSize: size, maxTimeMS: MAX_READ_MS } as const;
    return collection.find(filter, options).toArray();
  }

  async function tryInserting(entries: readonly Entry[]): Promise<Error | undefined> {
    try {
      await track(collection.insertMany(entries, { ordered: false }));
      return undefined;
    } catch (error) {
      return insertFailure(error, redact);
    }
  }

  return {
    async insert(entries) {
      const failure = await tryInserting(entries);
      const isDown = failure instanceof StoreUnavailableError; // whoever records tries again, and clears it
      health.set("writes", isDown ? `MongoDB: ${failure.message}` : undefined);
      if (failure !== undefined) {
        throw failure;
      }
    },
    get: (id, signal) => unlessAborted(() => read(() => find(id)), signal),
    page: (before, size, signal) => unlessAborted(() => read(() => findPage(before, size)), signal),
    async [Symbol.asyncDispose]() {
      health.end();
      await Promise.race([Promise.allSettled(pending), passed(systemClock, CLOSE_MS)]);
      await Promise.race([connecting[Symbol.asyncDispose](), passed(systemClock, CLOSE_MS)]);
    },
  };
}

async function createClient(url: string, { options }: MongoUrl): Promise<MongoClient> {
  const defaults = Object.entries(DEFAULTS).filter(([name]) => !options.has(name.toLowerCase()));
  try {
    const { MongoClient } = await import("mongodb");
    return new MongoClient(url, Object.fromEntries(defaults));
  } catch (error) {
    const isMissing = error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND";
    const problem = isMissing ? "needs the package mongodb, which is not installed" : misread(error);
    throw new ConfigurationError(`name cannot start: MONGODB_URL: ${problem}`); // its cause would quote the URL
  }
}

/** Nothing of the driver's text: it may quote a part of a password, which nobody could tell from other words. */
function misread(error: unknown): string {
  const name = error instanceof Error ? error.name : "unknown";
  const form = "mongodb://user:password@host:27017/database, with special characters in the password escaped as %XX";
  return `it is no URL that MongoDB's driver takes (${name}); use ${form}`;
}

/** What the driver sees of its servers. */
interface Sight {
  /** Why nothing can be written; undefined where it can be. */
  readonly problem: string | undefined;
}

/** Undefined where nothing is known of any server. */
function sightOf(description: TopologyDescription): Sight | undefined {
  const servers = [...description.servers.values()];
  if (servers.some(({ isWritable }) => isWritable)) {
    return { problem: undefined };
  }
  const known = servers.filter(({ error, type }) => error !== null || type !== "Unknown");
  const problems = known.map(({ address, error, type }) => `${address}: ${error?.message ?? `is ${type}`}`);
  return known.length === 0 ? undefined : { problem: problems.join("; ") };
}
