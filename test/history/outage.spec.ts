import { Code } from "@connectrpc/connect";
import { createChannel, createClient, withDomainTypes } from "portico";
import { beforeAll, describe, expect, test } from "vitest";
import { Health, HealthCheckResponse_ServingStatus as Status } from "../../gen/health/v1/health_pb.js";
import { type Entry, HistoryService } from "../../gen/name/v1/history_domain.js";
import { NameService } from "../../gen/name/v1/name_pb.js";
import { GO_BUILD_MS } from "../stores/go-program.ts";
import { buildMongoServer, openMongoServer } from "../stores/mongo-server.ts";
import { NAME, type ServiceProcess, startProcess } from "../support/service-process.ts";

beforeAll(async () => {
  await buildMongoServer();
}, GO_BUILD_MS);

/** Calls of a running service, by its URL. */
function clientsOf(url: string) {
  const channel = createChannel(url);
  return {
    names: createClient(NameService, channel),
    health: createClient(Health, channel),
    history: createClient(withDomainTypes(HistoryService), channel),
    [Symbol.asyncDispose]: () => channel[Symbol.asyncDispose](),
  };
}

async function readiness(url: string): Promise<unknown> {
  const response = await fetch(`${url}/readyz`);
  return [response.status, await response.json()];
}

const PATIENCE = { timeout: 10_000, interval: 5 };
const READY = [200, { status: "serving" }];
const FAILING = [503, { status: "failing", failing: ["store"] }];

async function namesIn(history: {
  listEntries(request: object): AsyncIterable<{ readonly entries: readonly Entry[] }>;
}) {
  const names: string[] = [];
  for await (const { entries } of history.listEntries({})) names.push(...entries.map(({ name }) => name));
  return names.toSorted();
}

/** What the log says of the store, whatever the reasons. */
function conditionsIn(service: ServiceProcess): readonly string[] {
  const lines = service.logs().map(({ message }) => message);
  const said = lines
    .filter((line) => line.startsWith("action=condition"))
    .map((line) => line.replace(/, reason=.*/, ""));
  return said.filter((line, at) => line !== said[at - 1]);
}

describe("with a MongoDB", () => {
  test("names are answered while it is down, the history is not, and what was processed meanwhile is kept once it is back", async (context) => {
    await using mongo = await openMongoServer(context);
    await using service = startProcess(NAME, { MONGODB_URL: mongo.url });
    const url = await service.url();
    await using clients = clientsOf(url);
    const statusOf = async (name: string) => (await clients.health.check({ service: name })).status;
    await expect.poll(() => readiness(url), PATIENCE).toEqual(READY);
    await clients.names.processName({ name: "before" });
    await expect.poll(() => namesIn(clients.history), PATIENCE).toEqual(["before"]);

    await mongo.kill();
    await expect.poll(() => readiness(url), PATIENCE).toEqual(FAILING);
    expect(await clients.names.processName({ name: "meanwhile" })).toMatchObject({ name: "MEANWHILE" });
    expect(await statusOf("name.v1.NameService")).toBe(Status.SERVING);
    expect(await statusOf("name.v1.HistoryService")).toBe(Status.NOT_SERVING);
    await expect(namesIn(clients.history)).rejects.toMatchObject({ code: Code.Unavailable });

    await mongo.start();
    await expect.poll(() => readiness(url), PATIENCE).toEqual(READY);
    await expect.poll(() => namesIn(clients.history), PATIENCE).toEqual(["before", "meanwhile"]);
    expect(await statusOf("name.v1.HistoryService")).toBe(Status.SERVING);
    expect(conditionsIn(service)).toEqual([
      "action=condition, status=failing, condition=store",
      "action=condition, status=met, condition=store",
    ]);

    await clients.names.processName({ name: "at the end" });
    expect(await service.stop("SIGTERM")).toBe(0);
    await using next = startProcess(NAME, { MONGODB_URL: mongo.url });
    await using clientsOfNext = clientsOf(await next.url());
    expect(await namesIn(clientsOfNext.history)).toEqual(["at the end", "before", "meanwhile"]);
  });

  test("a service starts without it, and stops without it in time, saying what is lost", async (context) => {
    await using mongo = await openMongoServer(context);
    await mongo.kill();
    await using service = startProcess(NAME, { MONGODB_URL: mongo.url });
    const url = await service.url();
    expect(await readiness(url)).toEqual(FAILING);
    await using clients = clientsOf(url);
    expect(await clients.names.processName({ name: "lost" })).toMatchObject({ name: "LOST" });
    expect(await service.stop("SIGTERM")).toBe(0);
    expect(service.stderr()).toBe("");
    expect(service.logs().map(({ message }) => message)).toContainEqual(
      expect.stringMatching(/^action=close_history, status=lost, entries=1, /),
    );
  });
});
