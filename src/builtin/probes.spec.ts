import { type Condition, defineService, implement } from "portico";
import { startTest } from "portico/testing";
import { expect, test } from "vitest";
import { Health, HealthCheckResponse_ServingStatus as ServingStatus } from "../../gen/health/v1/health_pb.js";
import { NameService } from "../../gen/name/v1/name_pb.js";

const { NOT_SERVING, SERVING } = ServingStatus;

/** A service that depends on a store and a queue; `open` is done with them while it opens its resources. */
function dependent(open: (conditions: Readonly<Record<"store" | "queue", Condition>>) => void) {
  return defineService({
    name: "dependent",
    resources: ({ condition }) => open({ store: condition("store", [NameService]), queue: condition("queue") }),
    routes: () => [
      implement(NameService, {
        processName: ({ name }) => ({ name: name.toUpperCase() }),
        async *processNames() {
          yield { name: "A" };
        },
      }),
    ],
  });
}

/** A connection that is kept would be one more to wait for at the stop. */
const alone = { headers: { connection: "close" } };

async function started(config: Readonly<Record<string, string>> = {}) {
  let conditions: Readonly<Record<"store" | "queue", Condition>> | undefined;
  const app = await startTest(
    dependent((opened) => {
      conditions = opened;
    }),
    { config },
  );
  if (conditions === undefined) throw new Error("it has opened no resources");
  const probe = async (path: string) => {
    const response = await app.fetch(path, alone);
    return [response.status, await response.text()];
  };
  return { app, probe, ...conditions, [Symbol.asyncDispose]: app.stop };
}

test("/readyz names the conditions that fail until they are met again; /healthz does not care", async () => {
  await using service = await started();
  const { app, probe, store, queue } = service;
  expect(await probe("/readyz")).toEqual([200, '{"status":"serving"}']);
  queue.fail("password of admin@queue.internal refused");
  expect(await probe("/readyz")).toEqual([503, '{"status":"failing","failing":["queue"]}']);
  store.fail("connection refused");
  expect(await probe("/readyz")).toEqual([503, '{"status":"failing","failing":["store","queue"]}']);
  expect(await probe("/healthz")).toEqual([200, '{"status":"alive"}']);
  const head = await app.fetch("/readyz", { method: "HEAD", ...alone });
  expect([head.status, head.headers.get("cache-control")]).toEqual([503, "no-store"]);
  store.clear();
  queue.clear();
  expect(await probe("/readyz")).toEqual([200, '{"status":"serving"}']);
});

test("the health service agrees, calls are answered all the same, and the log has the reason", async () => {
  await using service = await started();
  const { app, store, queue } = service;
  const health = app.client(Health);
  const statuses = async () => {
    const [server, names] = await Promise.all([health.check({}), health.check({ service: NameService.typeName })]);
    return [server.status, names.status];
  };
  queue.fail("full");
  expect(await statuses()).toEqual([NOT_SERVING, SERVING]);
  store.fail("connection refused");
  expect(await statuses()).toEqual([NOT_SERVING, NOT_SERVING]);
  expect(await app.client(NameService).processName({ name: "ada" })).toMatchObject({ name: "ADA" });
  store.clear();
  const lines = app.logs.filter(({ message }) => message.includes("condition=store"));
  expect(lines.map(({ levelname, message }) => [levelname, message])).toEqual([
    ["WARN", "action=condition, status=failing, condition=store, reason=connection refused"],
    ["INFO", "action=condition, status=met, condition=store"],
  ]);
});

test("a condition that fails while resources open keeps the service from being ready, not from starting", async () => {
  await using app = await startTest(dependent(({ store }) => store.fail("connection refused")));
  expect(await (await app.fetch("/readyz", alone)).json()).toEqual({ status: "failing", failing: ["store"] });
});

test("a service that drains says so, whatever its conditions; they may change until after the stop", async () => {
  await using service = await started({ SHUTDOWN_DELAY_MS: "1000" });
  const { app, probe, store } = service;
  store.fail("connection refused");
  const stopped = app.stop();
  expect(await probe("/readyz")).toEqual([503, '{"status":"draining"}']);
  store.clear();
  expect(await probe("/readyz")).toEqual([503, '{"status":"draining"}']);
  app.clock.advance(1_000);
  await stopped;
  store.fail("closed");
  store.clear();
});

test("a service with two conditions of one name does not start", async () => {
  const twice = defineService({
    name: "twice",
    resources: ({ condition }) => [condition("store"), condition("store")],
  });
  await expect(startTest(twice)).rejects.toThrow('two conditions of the name "store"');
});
