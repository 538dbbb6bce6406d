import { once } from "node:events";
import { createServer } from "node:http2";
import { type Client, Code, createClient } from "@connectrpc/connect";
import { createChannel } from "portico";
import { describe, expect, test } from "vitest";
import { GreeterService } from "../../gen/greeter/v1/greeter_pb.js";
import { GREETER, NAME, openFiles, startProcess } from "../support/service-process.ts";
import { until } from "../support/until.ts";

const LIVELY = "test/life/fixtures/lively.ts";

const greet = (url: string, name: string) => fetch(`${url}/api/v1/say-hello?name=${name}`);

test("while name is killed greeter answers unavailable at once, and it recovers within a second", async () => {
  const name = startProcess(NAME);
  const nameUrl = await name.url();
  await using greeter = startProcess(GREETER, { NAME_URL: nameUrl });
  const url = await greeter.url();
  await using channel = createChannel(url);
  const client = createClient(GreeterService, channel);
  expect(await (await greet(url, "test")).json()).toBe("Hello, TEST!");

  await name.stop("SIGKILL");
  const since = performance.now();
  const answer = await greet(url, "test");
  expect(answer.status).toBe(503);
  expect(answer.headers.get("content-type")).toBe("application/problem+json");
  expect(await answer.json()).toMatchObject({ code: "unavailable" });
  await expect(client.sayHello({ name: "test" })).rejects.toMatchObject({ code: Code.Unavailable });
  expect(performance.now() - since).toBeLessThan(1000);

  await using again = startProcess(NAME, { PORT: new URL(nameUrl).port });
  await again.url();
  const backAt = performance.now();
  await until(async () => (await greet(url, "test")).status === 200);
  expect(performance.now() - backAt).toBeLessThan(1000);
  expect((await client.sayHello({ name: "test" })).greeting).toBe("Hello, TEST!");
});

test("a call that loses its connection to name in the middle is unavailable", async () => {
  const name = createServer().listen(0, "127.0.0.1");
  await once(name, "listening");
  let calls = 0;
  name.on("stream", (stream) => {
    calls++;
    stream.session?.destroy();
  });
  const { port } = name.address() as { port: number }; // a string only for pipes
  await using greeter = startProcess(GREETER, { NAME_URL: `http://127.0.0.1:${port}` });
  const answer = await greet(await greeter.url(), "test");
  expect(answer.status).toBe(503);
  expect(await answer.json()).toMatchObject({ code: "unavailable" });
  expect(calls).toBe(3); // it may have run, but the schema says that it may run again
  name.close();
});

test("1,000 concurrent calls through greeter are all answered right, and nothing stays open", async () => {
  // Without its history, whose thread opens files of its own once it is needed.
  await using name = startProcess(NAME, { HISTORY_MAX_ENTRIES: "0" });
  await using greeter = startProcess(GREETER, { NAME_URL: await name.url() });
  const url = await greeter.url();
  const channel = createChannel(url);
  const client: Client<typeof GreeterService> = createClient(GreeterService, channel);
  await greet(url, "warm");
  await client.sayHello({ name: "warm" });
  const before = [openFiles(name), openFiles(greeter)];
  const names = Array.from({ length: 500 }, (_, at) => `n${at}`);
  const [rest, grpc] = await Promise.all([
    Promise.all(
      names.map(async (each) => {
        const response = await fetch(`${url}/api/v1/say-hello?name=${each}`, { headers: { connection: "close" } });
        return response.json();
      }),
    ),
    Promise.all(names.map(async (each) => (await client.sayHello({ name: each })).greeting)),
  ]);
  const expected = names.map((each) => `Hello, ${each.toUpperCase()}!`);
  expect(rest).toEqual(expected);
  expect(grpc).toEqual(expected);
  await channel[Symbol.asyncDispose]();
  await until(() => openFiles(name) <= (before[0] ?? 0) && openFiles(greeter) <= (before[1] ?? 0));
  for (const service of [greeter, name]) expect(await service.stop()).toBe(0);
}, 60_000);

describe("a mistake in a handler", () => {
  test("that leaves a rejected promise behind is logged, and others are served", async () => {
    await using service = startProcess(LIVELY);
    const url = await service.url();
    for (let call = 0; call < 3; call++) expect((await fetch(`${url}/stray-rejection`)).status).toBe(200);
    await until(() => service.stdout().split("a promise was rejected and nobody handled it").length === 4);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    expect(await service.stop()).toBe(0);
  });

  test("that throws where nobody catches is logged; the process drains and ends with 1", async () => {
    await using service = startProcess(LIVELY);
    const url = await service.url();
    const slow = fetch(`${url}/slow`).then((response) => response.text());
    await until(() => service.stderr().includes("slow"));
    await fetch(`${url}/exception`);
    expect(await slow).toBe("slow but sure");
    expect(await service.exit).toBe(1);
    expect(service.stdout()).toContain("nobody catches this");
    expect(service.stdout()).toContain("action=stop, status=success");
    expect(service.stderr()).toContain("close first");
  });
});

test("a service whose log nobody reads any more goes on serving, and stops as ever", async () => {
  await using service = startProcess(NAME);
  const url = await service.url();
  service.child.stdout.destroy();
  await once(service.child.stdout, "close");
  for (let call = 0; call < 20; call++) expect((await fetch(`${url}/healthz`)).status).toBe(200);
  expect(await service.stop()).toBe(0);
  expect(service.stderr()).toBe("");
});
