import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { MongoClient } from "mongodb";
import type { TestContext } from "vitest";
import { buildGoProgram } from "./go-program.ts";

/** The URL of a real MongoDB for tests to use in FerretDB's place. Where it has credentials, it has `authSource` too. */
export const REAL_MONGO_URL = process.env["MONGODB_TEST_URL"];

/** A database that is empty at first, and gone when it is disposed of. */
export interface MongoDatabase extends AsyncDisposable {
  /** Where a client's `db()` is this database. */
  readonly url: string;
}

/** A server of one's own, to take down and bring back. Its URL and data stay the same. */
export interface MongoServer extends MongoDatabase {
  /** Ends it by SIGTERM: at once, whoever is connected. */
  stop(): Promise<void>;
  /** Ends it by SIGKILL. */
  kill(): Promise<void>;
  /** Starts it again. Throws where it still runs. */
  start(): Promise<void>;
}

let building: ReturnType<typeof buildGoProgram> | undefined;

/**
 * Builds FerretDB v1, which takes about a minute the first time: for a `beforeAll` with {@link GO_BUILD_MS}.
 *
 * @returns the program's path, or a few words on what the machine lacks
 */
export function buildMongoServer(): ReturnType<typeof buildGoProgram> {
  building ??= buildGoProgram({
    name: "mongo-server",
    folder: join(import.meta.dirname, "mongo"),
    tags: ["ferretdb_no_postgresql"],
  });
  return building;
}

/** A database of the real MongoDB where there is one, else a FerretDB; skips the test where that cannot be built. */
export async function openMongo(context: Pick<TestContext, "skip">): Promise<MongoDatabase> {
  return REAL_MONGO_URL === undefined ? openMongoServer(context) : openDatabase(REAL_MONGO_URL);
}

/** Starts a FerretDB with a folder of its own; skips the test where it cannot be built. */
export async function openMongoServer({ skip }: Pick<TestContext, "skip">): Promise<MongoServer> {
  const built = await buildMongoServer();
  if ("lacks" in built) return skip(`FerretDB: ${built.lacks}`);
  const folder = await mkdtemp(join(tmpdir(), "portico-mongo-"));
  await using owned = new AsyncDisposableStack();
  owned.defer(() => rm(folder, { recursive: true }));
  let server = await launch(built.path, folder, "0");
  owned.defer(() => server.end("SIGKILL"));
  const resources = owned.move();
  const { url } = server;
  return {
    url,
    stop: () => server.end("SIGTERM"),
    kill: () => server.end("SIGKILL"),
    async start() {
      server = await launch(built.path, folder, new URL(url).port);
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

interface Launched {
  readonly url: string;
  end(signal: NodeJS.Signals): Promise<void>;
}

/** Waits until it listens. */
async function launch(program: string, folder: string, port: string): Promise<Launched> {
  const child = spawn(program, ["-port", port, "-folder", folder]);
  const closed = once(child, "close"); // rejects where it cannot be spawned
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const ended = closed.then(([code, signal]) => {
    throw new Error(`The MongoDB server ended with ${code ?? signal} before it listened:\n${stderr}`);
  });
  const [url] = await Promise.race([once(createInterface(child.stdout), "line"), ended]);
  return {
    url,
    async end(signal) {
      child.kill(signal);
      await closed;
    },
  };
}

async function openDatabase(server: string): Promise<MongoDatabase> {
  const url = server.replace(/^([^/]+\/\/[^/?]+)[^?]*/, `$1/portico-test-${randomUUID()}`);
  return {
    url,
    async [Symbol.asyncDispose]() {
      await using client = new MongoClient(url);
      await client.db().dropDatabase();
    },
  };
}
