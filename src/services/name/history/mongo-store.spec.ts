import { type AddressInfo, createServer, type Socket } from "node:net";
import { deserialize, Long, ObjectId, serialize, UUID } from "bson";
import { ConfigurationError } from "portico";
import { beforeAll, expect, test } from "vitest";
import type { Entry } from "../../../../gen/name/v1/history_domain.js";
import { GO_BUILD_MS } from "../../../../test/stores/go-program.ts";
import { buildMongoServer, openMongoServer } from "../../../../test/stores/mongo-server.ts";
import { openMongoStore } from "./mongo-store.ts";
import { EntriesRefusedError, StoreUnavailableError } from "./store.ts";

beforeAll(async () => {
  await buildMongoServer();
}, GO_BUILD_MS);

const QUICK = "serverSelectionTimeoutMS=200&heartbeatFrequencyMS=500";

function entry(): Entry {
  return { _id: new ObjectId(), name: "a", processedName: "A", tookNs: Long.ONE, requestId: "", instance: new UUID() };
}

/** What a server answers to a command. */
type Answer = (command: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>;

const hello = { isWritablePrimary: true, helloOk: true, maxWireVersion: 21, minWireVersion: 0, ok: 1 };
const OP_REPLY = 1;
const OP_QUERY = 2004;
const OP_MSG = 2013;

/** A server that speaks MongoDB's protocol (https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/), and no more. */
async function scriptedServer(answer: Answer) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on("error", () => undefined));
    let received: Buffer = Buffer.alloc(0);
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      while (received.length >= 4 && received.length >= received.readInt32LE(0)) {
        const message = received.subarray(0, received.readInt32LE(0));
        received = received.subarray(message.length);
        const isQuery = message.readInt32LE(12) === OP_QUERY;
        const start = isQuery ? message.indexOf(0, 20) + 9 : 21; // OP_QUERY names a collection first
        const end = start + message.readInt32LE(start);
        const command = deserialize(message.subarray(start, end));
        const document = serialize("hello" in command || "ismaster" in command ? hello : answer(command));
        const head = Buffer.alloc(isQuery ? 36 : 21);
        head.writeInt32LE(head.length + document.length, 0);
        head.writeInt32LE(message.readInt32LE(4), 8);
        head.writeInt32LE(isQuery ? OP_REPLY : OP_MSG, 12);
        if (isQuery) head.writeInt32LE(1, 32);
        socket.write(Buffer.concat([head, document]));
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo; // it listens at a port
  return {
    port,
    /** How many there have been. */
    get connections() {
      return sockets.size;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test("does not keep the service from starting where it is down; its health says why, and that it is up", async (context) => {
  await using server = await openMongoServer(context);
  await server.kill();
  let problem: string | undefined;
  const isWell = Promise.withResolvers<void>();
  await using store = await openMongoStore({
    url: `${server.url}?${QUICK}`,
    onHealth(now) {
      problem = now;
      if (now === undefined) isWell.resolve();
    },
  });
  expect(problem).toMatch(/^MongoDB: 127\.0\.0\.1:\d+: connect ECONNREFUSED/);
  await expect(store.get(new ObjectId())).rejects.toBeInstanceOf(StoreUnavailableError);
  await server.start();
  await isWell.promise;
  const one = entry();
  await store.insert([one]);
  expect((await store.get(one._id))?.name).toBe("a");
});

test("is well from the start, and told nothing, where its server is", async (context) => {
  await using server = await openMongoServer(context);
  const problems: unknown[] = [];
  await using _store = await openMongoStore({ url: server.url, onHealth: (problem) => problems.push(problem) });
  expect(problems).toEqual([]);
});

test("says that it waits for a server that takes connections and says nothing", async () => {
  const sockets = new Set<Socket>();
  const silent = createServer((socket) => sockets.add(socket));
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const problems: unknown[] = [];
  const { port } = silent.address() as AddressInfo; // it listens at a port
  {
    await using _store = await openMongoStore({
      url: `mongodb://127.0.0.1:${port}`,
      onHealth: (problem) => problems.push(problem),
    });
    expect(problems).toEqual(["MongoDB: no answer within 1 s"]);
  }
  for (const socket of sockets) socket.destroy();
  silent.close();
});

test("a password that the server refuses is a problem for as long as it does, and in no message", async () => {
  const refusal = { ok: 0, code: 18, codeName: "AuthenticationFailed", errmsg: "not the password s3cr@t or s3cr%40t" };
  const severalAttempts = Promise.withResolvers<void>();
  let attempts = 0;
  await using server = await scriptedServer((command) => {
    attempts += "saslStart" in command ? 1 : 0;
    if (attempts === 4) severalAttempts.resolve();
    return refusal;
  });
  const problems: (string | undefined)[] = [];
  await using store = await openMongoStore({
    url: `mongodb://ada:s3cr%40t@127.0.0.1:${server.port}/?${QUICK}`,
    onHealth: (problem) => problems.push(problem),
  });
  await severalAttempts.promise;
  expect(problems).not.toHaveLength(0);
  for (const problem of problems) {
    expect(problem).toMatch(/^MongoDB: .+: not the password \[redacted\] or \[redacted\]$/);
  }
  const failures = [await store.insert([entry()]).catch((error: unknown) => error)];
  failures.push(await store.get(new ObjectId()).catch((error: unknown) => error));
  for (const failure of failures) {
    expect(failure).toBeInstanceOf(StoreUnavailableError);
    expect(failure).not.toHaveProperty("cause");
  }
  const all = [...problems, ...failures.map((failure) => (failure as Error).stack)];
  expect(all.join()).not.toContain("s3cr");
});

test.each([
  ["writes that somebody else took", [{ index: 0, code: 11000, errmsg: "E11000" }], undefined],
  ["a document that is refused for what it is", [{ index: 0, code: 121, errmsg: "invalid" }], EntriesRefusedError],
  [
    "a document that is refused for what may change",
    [{ index: 0, code: 14031, errmsg: "full" }],
    StoreUnavailableError,
  ],
  [
    "both at once",
    [
      { index: 0, code: 121, errmsg: "invalid" },
      { index: 1, code: 14031, errmsg: "full" },
    ],
    StoreUnavailableError,
  ],
])("tells %s from others", async (_, writeErrors, expected) => {
  await using server = await scriptedServer(() => ({ ok: 1, n: 0, writeErrors }));
  await using store = await openMongoStore({ url: `mongodb://127.0.0.1:${server.port}`, onHealth: () => undefined });
  const failure = await store.insert([entry(), entry()]).catch((error: unknown) => error);
  expect(failure?.constructor).toBe(expected);
});

test("entries that too few servers have are tried again, also those that are there already", async () => {
  const writeConcernError = { code: 64, codeName: "WriteConcernTimeout", errmsg: "waiting for replication timed out" };
  let writeErrors: readonly object[] = [];
  await using server = await scriptedServer(() => ({ ok: 1, n: 1, writeErrors, writeConcernError }));
  await using store = await openMongoStore({ url: `mongodb://127.0.0.1:${server.port}`, onHealth: () => undefined });
  await expect(store.insert([entry()])).rejects.toBeInstanceOf(StoreUnavailableError);
  writeErrors = [{ index: 0, code: 11000, errmsg: "E11000" }];
  await expect(store.insert([entry()])).rejects.toBeInstanceOf(StoreUnavailableError);
});

test("a user who may not write is a problem, until a write says otherwise", async () => {
  let mayWrite = false;
  await using server = await scriptedServer(() =>
    mayWrite ? { ok: 1, n: 1 } : { ok: 0, code: 13, codeName: "Unauthorized", errmsg: "not authorized on portico" },
  );
  const problems: (string | undefined)[] = [];
  await using store = await openMongoStore({
    url: `mongodb://127.0.0.1:${server.port}`,
    onHealth: (problem) => problems.push(problem),
  });
  await expect(store.insert([entry()])).rejects.toBeInstanceOf(StoreUnavailableError);
  expect(problems).toEqual([expect.stringContaining("not authorized")]);
  mayWrite = true;
  await store.insert([entry()]);
  expect(problems.at(-1)).toBeUndefined();
});

test("a disk that is full is a problem while the server is well, until a write says otherwise", async () => {
  let isFull = true;
  await using server = await scriptedServer(() =>
    isFull ? { ok: 1, n: 0, writeErrors: [{ index: 0, code: 14031, errmsg: "no space on /data" }] } : { ok: 1, n: 1 },
  );
  const problems: (string | undefined)[] = [];
  await using store = await openMongoStore({
    url: `mongodb://127.0.0.1:${server.port}`,
    onHealth: (problem) => problems.push(problem),
  });
  await expect(store.insert([entry()])).rejects.toBeInstanceOf(StoreUnavailableError);
  expect(problems).toEqual([expect.stringMatching(/^MongoDB: .*no space on \/data/)]);
  isFull = false;
  await store.insert([entry()]);
  expect(problems.slice(1)).toEqual([undefined]);
});

test("a reader that goes away costs no connection, and the server is told how long a read may take", async () => {
  const cursor = { id: Long.ZERO, ns: "portico.history", firstBatch: [] };
  const reader = new AbortController();
  const reads: unknown[] = [];
  await using server = await scriptedServer((command) => {
    if (!("find" in command)) return { ok: 1 };
    reads.push(command["maxTimeMS"]);
    reader.abort(new Error("the caller went away"));
    return { ok: 1, cursor };
  });
  await using store = await openMongoStore({
    url: `mongodb://127.0.0.1:${server.port}/?maxPoolSize=1`,
    onHealth: () => undefined,
  });
  await expect(store.page(undefined, 10, reader.signal)).rejects.toThrow("the caller went away");
  const { connections } = server;
  expect(await store.get(new ObjectId())).toBeUndefined();
  expect(server.connections).toBe(connections);
  expect(reads).toEqual([4_000, 4_000]);
});

test.each([
  ["mongodb://127.0.0.1:{port}", "portico"],
  ["mongodb://127.0.0.1:{port}/names?appName=x", "names"],
])("keeps its entries in %s's database %s, in the collection history", async (url, database) => {
  const commands: Readonly<Record<string, unknown>>[] = [];
  await using server = await scriptedServer((command) => {
    commands.push(command);
    return { ok: 1, n: 1 };
  });
  await using store = await openMongoStore({ url: url.replace("{port}", `${server.port}`), onHealth: () => undefined });
  await store.insert([entry()]);
  expect(commands).toEqual([expect.objectContaining({ insert: "history", $db: database, ordered: false })]);
});

test.each([
  "localhost:27017",
  "mongodb//ada:s3cr%40t@host",
  "http://ada:s3cr%40t@host",
  "mongodb://ada:s3cr@t@host",
  "mongodb://s3cr:e/t@host",
  "mongodb://ada:s3cr%@host",
  "mongodb://ada:s3cr@host:port:port",
  "mongodb://ada:s3cr@host/?tls=perhaps",
  "mongodb://ada:s3cr@host/?authMechanism=s3cr",
  "mongodb://ada:s3cr@host/?tlsCertificateKeyFilePassword=s3cr&unknown=s3cr",
])("%s is no URL of a MongoDB: one line says so, without what is secret in it", async (url) => {
  const error = await openMongoStore({ url, onHealth: () => undefined }).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ConfigurationError);
  const { message, stack } = error as Error;
  expect(message.replace(/\(\w+\)/, "(…)")).toBe(
    "name cannot start: MONGODB_URL: it is no URL that MongoDB's driver takes (…); use mongodb://user:password@host:27017/" +
      "database, with special characters in the password escaped as %XX",
  );
  expect(stack).not.toContain("s3cr");
  expect(error).not.toHaveProperty("cause");
});
