import { once } from "node:events";
import { createServer } from "node:http2";
import {
  Code,
  ConnectError,
  type ConnectRouter,
  createClient,
  createRouterTransport,
  type Interceptor,
  type ServiceImpl,
} from "@connectrpc/connect";
import { connectNodeAdapter, createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { describe, expect, test } from "vitest";
import { Health, HealthCheckResponse_ServingStatus as ServingStatus } from "../../gen/health/v1/health_pb.js";
import type { Logger } from "../call/logger.ts";
import type { Implementation } from "../wire/implement.ts";
import { healthService } from "./health.ts";
import { createReadiness, type Readiness } from "./readiness.ts";

const greeter = "greeter.v1.GreeterService";
const history = "name.v1.HistoryService";
const { NOT_SERVING, SERVING } = ServingStatus;

describe("Check", () => {
  test("says SERVING for the server and for each service while serving, NOT_SERVING before and after", async () => {
    const { client, readiness } = inMemory();
    const check = async () => {
      const [server, service] = await Promise.all([client.check({}), client.check({ service: greeter })]);
      expect(service.status).toBe(server.status);
      return server.status;
    };
    expect(await check()).toBe(ServingStatus.NOT_SERVING);
    readiness.set("serving");
    expect(await check()).toBe(ServingStatus.SERVING);
    readiness.set("draining");
    expect(await check()).toBe(ServingStatus.NOT_SERVING);
    readiness.set("closing");
    expect(await check()).toBe(ServingStatus.NOT_SERVING);
  });

  test("says NOT_SERVING for the server and for the services that a failing condition names, and for no other", async () => {
    const { client, readiness } = inMemory([greeter, history]);
    const statuses = async () => {
      const checks = ["", greeter, history].map((service) => client.check({ service }));
      return (await Promise.all(checks)).map(({ status }) => status);
    };
    const store = readiness.condition("store", [history]);
    const queue = readiness.condition("queue", []);
    readiness.set("serving");
    expect(await statuses()).toEqual([SERVING, SERVING, SERVING]);
    store.fail("connection refused");
    expect(await statuses()).toEqual([NOT_SERVING, SERVING, NOT_SERVING]);
    queue.fail("full");
    store.clear();
    expect(await statuses()).toEqual([NOT_SERVING, SERVING, SERVING]);
    queue.clear();
    expect(await statuses()).toEqual([SERVING, SERVING, SERVING]);
    readiness.set("draining");
    expect(await statuses()).toEqual([NOT_SERVING, NOT_SERVING, NOT_SERVING]);
  });

  test("fails with not_found for a service that is not served, without repeating its name in a header", async () => {
    const { client } = inMemory();
    const failure = ConnectError.from(await client.check({ service: "x".repeat(100_000) }).catch((e: unknown) => e));
    expect(failure.code).toBe(Code.NotFound);
    expect(failure.rawMessage.length).toBeLessThan(100);
  });

  test("knows no wildcard, prefix or name of an object's own", async () => {
    const { client } = inMemory();
    for (const service of ["*", "greeter.v1", `${greeter}.SayHello`, "constructor", "__proto__"]) {
      await expect(client.check({ service })).rejects.toMatchObject({ code: Code.NotFound });
    }
  });
});

describe("List", () => {
  test("names the server and every service with its status", async () => {
    const { client, readiness } = inMemory();
    readiness.set("serving");
    const { statuses } = await client.list({});
    expect(Object.entries(statuses).map(([name, { status }]) => [name, status])).toEqual([
      ["", ServingStatus.SERVING],
      [greeter, ServingStatus.SERVING],
    ]);
  });

  test("has the statuses that Check gives while a condition fails", async () => {
    const { client, readiness } = inMemory([greeter, history]);
    readiness.set("serving");
    readiness.condition("store", [history]).fail("connection refused");
    const { statuses } = await client.list({});
    expect(Object.entries(statuses).map(([name, { status }]) => [name, status])).toEqual([
      ["", NOT_SERVING],
      [greeter, SERVING],
      [history, NOT_SERVING],
    ]);
  });

  test("is resource_exhausted beyond a hundred names", async () => {
    const services = Array.from({ length: 100 }, (_, index) => `many.v1.Service${index}`);
    await expect(inMemory(services.slice(1)).client.list({})).resolves.toBeDefined();
    await expect(inMemory(services).client.list({})).rejects.toMatchObject({ code: Code.ResourceExhausted });
  });
});

describe("Watch", () => {
  test("sends the current status at once, then each change, and ends with OK when the server closes", async () => {
    const { client, readiness } = inMemory();
    const statuses = read(client.watch({ service: greeter }));
    expect(await statuses.next()).toBe(ServingStatus.NOT_SERVING);
    readiness.set("serving");
    expect(await statuses.next()).toBe(ServingStatus.SERVING);
    readiness.set("draining");
    expect(await statuses.next()).toBe(ServingStatus.NOT_SERVING);
    readiness.set("closing");
    expect(await statuses.next()).toBe("end");
  });

  test("tells whom a condition concerns when it fails and when it is met again, and nobody else", async () => {
    const { client, readiness } = inMemory([greeter, history]);
    readiness.set("serving");
    const store = readiness.condition("store", [history]);
    const concerned = [read(client.watch({})), read(client.watch({ service: history }))];
    const other = read(client.watch({ service: greeter }));
    const next = () => Promise.all(concerned.map((statuses) => statuses.next()));
    expect(await next()).toEqual([SERVING, SERVING]);
    expect(await other.next()).toBe(SERVING);
    store.fail("connection refused");
    expect(await next()).toEqual([NOT_SERVING, NOT_SERVING]);
    store.fail("connection reset");
    store.clear();
    expect(await next()).toEqual([SERVING, SERVING]);
    readiness.set("closing");
    expect(await other.next()).toBe(NOT_SERVING);
  });

  test("sends a status once, however many states it stands for", async () => {
    const { client, readiness } = inMemory();
    const statuses = read(client.watch({}));
    expect(await statuses.next()).toBe(ServingStatus.NOT_SERVING);
    readiness.set("draining");
    readiness.set("closing");
    expect(await statuses.next()).toBe("end");
  });

  test("gives a status and ends when the server is closing already", async () => {
    const { client, readiness } = inMemory();
    readiness.set("closing");
    const statuses = read(client.watch({}));
    expect(await statuses.next()).toBe(ServingStatus.NOT_SERVING);
    expect(await statuses.next()).toBe("end");
  });

  test("says SERVICE_UNKNOWN for a service that is not served, and stays open until the server closes", async () => {
    const { client, readiness } = inMemory();
    const statuses = read(client.watch({ service: "nobody.v1.Nothing" }));
    expect(await statuses.next()).toBe(ServingStatus.SERVICE_UNKNOWN);
    const next = statuses.next();
    readiness.set("serving");
    readiness.set("draining");
    expect(await Promise.race([next, client.check({}).then(() => "still open")])).toBe("still open");
    readiness.set("closing");
    expect(await next).toBe("end");
  });

  test("ends without an error and leaves no subscription behind when its caller cancels", async () => {
    const { client, subscriptions, serverErrors } = inMemory();
    const caller = new AbortController();
    const statuses = read(client.watch({}, { signal: caller.signal }));
    expect(await statuses.next()).toBe(ServingStatus.NOT_SERVING);
    expect(subscriptions.count).toBe(1);
    caller.abort();
    await expect(statuses.next()).rejects.toMatchObject({ code: Code.Canceled });
    await subscriptions.gone();
    expect(serverErrors).toEqual([]);
  });

  test("leaves no subscription behind when it is aborted where it stands at a yield that nobody resumes", async () => {
    const { readiness, subscriptions, service } = counted([]);
    const caller = new AbortController();
    // Called as Connect calls it, without a transport that would go on reading.
    const { watch } = service.methods as unknown as ServiceImpl<typeof Health>; // healthService makes nothing else
    const context = { signal: caller.signal } as Parameters<typeof watch>[1]; // all of the context that it reads
    const stream = watch({ $typeName: "grpc.health.v1.HealthCheckRequest", service: "" }, context);
    await stream[Symbol.asyncIterator]().next();
    expect(subscriptions.count).toBe(1);
    caller.abort();
    expect(subscriptions.count).toBe(0);
    readiness.set("closing");
  });
});

test("over gRPC, a Watch follows the server, a caller that leaves is forgotten, and closing ends the rest", async () => {
  const { readiness, subscriptions, service } = counted([greeter]);
  const server = createServer(connectNodeAdapter({ routes: routesOf(service) })).listen(0, "127.0.0.1");
  await once(server, "listening");
  const baseUrl = `http://127.0.0.1:${portOf(server.address())}`;
  const sessionManager = new Http2SessionManager(baseUrl);
  const client = createClient(Health, createGrpcTransport({ baseUrl, sessionManager }));
  try {
    const leaving = new AbortController();
    const left = read(client.watch({}, { signal: leaving.signal }));
    const stayed = read(client.watch({ service: greeter }));
    expect(await left.next()).toBe(ServingStatus.NOT_SERVING);
    expect(await stayed.next()).toBe(ServingStatus.NOT_SERVING);
    expect(subscriptions.count).toBe(2);
    leaving.abort();
    await expect(left.next()).rejects.toMatchObject({ code: Code.Canceled });
    await subscriptions.gone(1);

    readiness.set("serving");
    expect(await stayed.next()).toBe(ServingStatus.SERVING);
    expect((await client.check({ service: greeter })).status).toBe(ServingStatus.SERVING);
    readiness.set("draining");
    expect(await stayed.next()).toBe(ServingStatus.NOT_SERVING);
    readiness.set("closing");
    expect(await stayed.next()).toBe("end");
    await subscriptions.gone();
  } finally {
    sessionManager.abort();
    server.close();
  }
});

const silent: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/** A health service whose readiness counts who is subscribed to it. */
function counted(serviceNames: readonly string[]) {
  const readiness = createReadiness(silent);
  const subscriptions = { count: 0, changed: Promise.withResolvers<void>(), gone };
  async function gone(left = 0): Promise<void> {
    while (subscriptions.count > left) await subscriptions.changed.promise;
    expect(subscriptions.count).toBe(left);
  }
  function change(by: number) {
    subscriptions.count += by;
    subscriptions.changed.resolve();
    subscriptions.changed = Promise.withResolvers();
  }
  const counting: Readiness = {
    get state() {
      return readiness.state;
    },
    get isReady() {
      return readiness.isReady;
    },
    get failing() {
      return readiness.failing;
    },
    serves: readiness.serves,
    set: readiness.set,
    condition: readiness.condition,
    subscribe(listener) {
      const unsubscribe = readiness.subscribe(listener);
      change(+1);
      let subscribed = true;
      return () => {
        unsubscribe();
        if (subscribed) change(-1);
        subscribed = false;
      };
    },
  };
  return { readiness, subscriptions, service: healthService(counting, serviceNames) };
}

function inMemory(serviceNames: readonly string[] = [greeter]) {
  const { readiness, subscriptions, service } = counted(serviceNames);
  const serverErrors: unknown[] = [];
  async function* recordErrors<T>(messages: AsyncIterable<T>) {
    try {
      yield* messages;
    } catch (error) {
      serverErrors.push(error);
      throw error;
    }
  }
  const record: Interceptor = (next) => async (request) => {
    const response = await next(request);
    return response.stream ? { ...response, message: recordErrors(response.message) } : response;
  };
  const transport = createRouterTransport(routesOf(service), { router: { interceptors: [record] } });
  return { readiness, subscriptions, serverErrors, client: createClient(Health, transport) };
}

function routesOf({ service, methods }: Implementation) {
  return (router: ConnectRouter) => void router.service(service, methods);
}

/** The next status of a Watch, or "end". */
function read(responses: AsyncIterable<{ readonly status: ServingStatus }>) {
  const iterator = responses[Symbol.asyncIterator]();
  return {
    async next(): Promise<ServingStatus | "end"> {
      const result = await iterator.next();
      return result.done ? "end" : result.value.status;
    },
  };
}

function portOf(address: ReturnType<ReturnType<typeof createServer>["address"]>): number {
  if (address === null || typeof address === "string") throw new Error(`not a TCP address: ${address}`);
  return address.port;
}
