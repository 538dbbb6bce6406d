import { once } from "node:events";
import { Agent, request } from "node:http";
import { connect } from "node:net";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createChannel } from "portico";
import { describe, expect, test } from "vitest";
import { GreeterService } from "../../gen/greeter/v1/greeter_pb.js";
import { Health, HealthCheckResponse_ServingStatus as Status } from "../../gen/health/v1/health_pb.js";
import { rawSocket } from "../support/raw-socket.ts";
import { GREETER, NAME, startProcess } from "../support/service-process.ts";
import { until } from "../support/until.ts";

const LIVELY = "test/life/fixtures/lively.ts";

/** GET over a connection that is kept, as REST clients do. */
function get(url: string, agent: Agent): Promise<{ status: number; body: string; connection: string | undefined }> {
  return new Promise((resolve, reject) => {
    request(url, { agent }, async (response) => {
      let body = "";
      for await (const chunk of response.setEncoding("utf8")) body += chunk;
      resolve({ status: response.statusCode ?? 0, body, connection: response.headers.connection });
    })
      .on("error", reject)
      .end();
  });
}

async function collect(stream: AsyncIterable<{ readonly greeting: string }>): Promise<readonly string[]> {
  const greetings: string[] = [];
  for await (const { greeting } of stream) greetings.push(greeting);
  return greetings;
}

describe.each(["SIGTERM", "SIGINT"] as const)("%s", (signal) => {
  test.each([NAME, GREETER])("ends %s with 0", async (main) => {
    await using service = startProcess(main);
    await service.url();
    expect(await service.stop(signal)).toBe(0);
    expect(service.stderr()).toBe("");
    expect(service.logs().at(-1)?.message).toBe("action=stop, status=success");
  });

  test("while the service starts ends it with 0 as well", async () => {
    await using service = startProcess(LIVELY, { OPENING_MS: "300" });
    await until(() => service.stderr().includes("opening"));
    expect(await service.stop(signal)).toBe(0);
    const names = (deed: string) =>
      [...service.stderr().matchAll(new RegExp(`^${deed} (.*)$`, "gm"))].map(([, it]) => it);
    expect(names("open")).toEqual(expect.arrayContaining(["first", "second"]));
    expect(names("close")).toEqual(names("open").reverse()); // whatever was open by then
  });
});

test("a start that never ends is given up, and what it has opened closes", async () => {
  await using service = startProcess(LIVELY, { OPENING_MS: "3600000" });
  await until(() => service.stderr().includes("opening"));
  expect(await service.stop("SIGTERM")).toBe(0);
  expect(service.stderr()).toContain("close first");
});

test("two signals within a second are one; a later one ends at once", async () => {
  await using service = startProcess(LIVELY);
  const url = await service.url();
  const forever = fetch(`${url}/forever`).catch(() => undefined);
  await until(() => service.stderr().includes("forever"));
  service.child.kill("SIGINT");
  service.child.kill("SIGINT");
  await until(() => service.stdout().includes("draining"));
  const firstAt = performance.now();
  await until(() => performance.now() - firstAt > 1050); // nothing to wait for but the second itself
  expect(service.child.exitCode).toBeNull();
  const exit = await service.stop("SIGINT");
  expect(performance.now() - firstAt).toBeLessThan(5000); // long before the grace of 10 s is over
  expect(exit).toBe(1);
  await forever;
});

test("calls under way over every protocol, and streams, are answered; new connections are refused", async () => {
  await using service = startProcess(LIVELY);
  const url = await service.url();
  const channels = [
    createChannel(url),
    createChannel(url, { protocol: "grpc-web" }),
    createChannel(url, { protocol: "connect" }),
    createChannel(url, { protocol: "grpc-web", httpVersion: "1.1" }),
    createChannel(url, { protocol: "connect", httpVersion: "1.1" }),
  ];
  const clients = channels.map((channel) => createClient(GreeterService, channel));
  const agent = new Agent({ keepAlive: true });
  const unary = clients.map((client) => client.sayHello({ name: "ada" }));
  const streams = clients.map((client) => collect(client.sayHelloToEach({ names: ["a", "b", "c"] })));
  const rest = get(`${url}/slow`, agent);
  await until(() => service.stderr().split("call").length === clients.length + 1 && service.stderr().includes("slow"));
  const stopped = service.stop();
  await until(() => service.stdout().includes("draining"));
  const refused = await until(async () => {
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    const outcome = await once(socket, "connect").catch((error: NodeJS.ErrnoException) => error.code);
    socket.destroy();
    return outcome === "ECONNREFUSED" && outcome;
  });
  expect(refused).toBe("ECONNREFUSED");
  expect(await Promise.all(unary)).toEqual(clients.map(() => expect.objectContaining({ greeting: "ada" })));
  expect(await Promise.all(streams)).toEqual(clients.map(() => ["a", "b", "c"]));
  expect(await rest).toEqual({ status: 200, body: "slow but sure", connection: "close" });
  expect(await stopped).toBe(0);
  agent.destroy();
  for (const channel of channels) await channel[Symbol.asyncDispose]();
});

test("during SHUTDOWN_DELAY_MS the port accepts, and says that traffic should go elsewhere", async () => {
  await using service = startProcess(LIVELY, { SHUTDOWN_DELAY_MS: "1500" });
  const url = await service.url();
  await using channel = createChannel(url);
  const health = createClient(Health, channel);
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
  const watched: Status[] = [];
  const watching = (async () => {
    for await (const { status } of health.watch({ service: "" })) watched.push(status);
  })();
  await until(() => watched.length === 1);
  const stopped = service.stop();
  await until(() => watched.length === 2);
  expect(watched).toEqual([Status.SERVING, Status.NOT_SERVING]);
  using late = await rawSocket(url); // a connection of its own
  await late.send("GET /readyz HTTP/1.1\r\nhost: a\r\n\r\n");
  expect(await late.answer()).toMatchObject({ status: 503, body: '{"status":"draining"}' });
  expect((await health.check({})).status).toBe(Status.NOT_SERVING);
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  await watching;
  expect(await stopped).toBe(0);
});

test("what is left when the grace is over is cancelled as unavailable, exit 0", async () => {
  await using service = startProcess(LIVELY, { SHUTDOWN_GRACE_MS: "200" });
  const url = await service.url();
  await using channel = createChannel(url);
  const forever = fetch(`${url}/forever`);
  const { sayHelloToEach } = createClient(GreeterService, channel);
  const stream = collect(sayHelloToEach({ names: Array.from({ length: 100 }, () => "a") })).catch(ConnectError.from);
  await until(() => service.stderr().includes("forever"));
  const stopped = service.stop();
  const answer = await forever;
  expect(answer.status).toBe(503);
  expect(await answer.json()).toMatchObject({ code: "unavailable", detail: "the service is shutting down" });
  expect(await stream).toMatchObject({ code: Code.Unavailable });
  expect(await stopped).toBe(0);
});

describe("detached work", () => {
  test("is waited for", async () => {
    await using service = startProcess(LIVELY);
    await fetch(`${await service.url()}/detached`);
    expect(await service.stop()).toBe(0);
    expect(service.stderr()).toMatch(/letter begun\nletter ended\nclose third/);
  });

  test("is cancelled when the grace is over", async () => {
    await using service = startProcess(LIVELY, { SHUTDOWN_GRACE_MS: "50" });
    await fetch(`${await service.url()}/detached`);
    expect(await service.stop()).toBe(0);
    expect(service.stderr()).toContain("letter dropped: the service is shutting down");
  });
});

describe("resources", () => {
  test("close in reverse order after the port", async () => {
    await using service = startProcess(LIVELY);
    const slow = fetch(`${await service.url()}/slow`).then((response) => response.text());
    await until(() => service.stderr().includes("slow"));
    const stopped = service.stop();
    await slow;
    expect(service.stderr()).not.toContain("close");
    expect(await stopped).toBe(0);
    expect(service.stderr()).toMatch(/slow\nclose third\nclose second\nclose first\n$/);
  });

  test("that fail to close keep no other from closing, and are in the log", async () => {
    await using service = startProcess(LIVELY, { FAIL_TO_CLOSE: "true" });
    await service.url();
    expect(await service.stop()).toBe(0);
    expect(service.stderr()).toMatch(/close third\nclose second\nclose first\n$/);
    expect(service.stdout()).toContain("second does not close");
  });

  test("that are open close when a later one fails to open, exit 1", async () => {
    await using service = startProcess(LIVELY, { FAIL_TO_OPEN: "true" });
    expect(await service.exit).toBe(1);
    expect(service.stderr()).toMatch(/close second\nclose first\n/);
    expect(service.stderr()).toContain("lively cannot start: Error: the third resource is not there");
  });
});
