import { createClient } from "@connectrpc/connect";
import { createChannel, currentCall, defineService, detached, implement } from "portico";
import { fake, inCall, startTest } from "portico/testing";
import { expect, test } from "vitest";
import * as z from "zod";
import { GreeterService } from "../../gen/greeter/v1/greeter_pb.js";
import { NameService } from "../../gen/name/v1/name_pb.js";
import { memoryTarget } from "../client/memory.ts";

/** The origins that this service was given for the services that it calls. */
const origins: string[] = [];
const greeter = defineService({
  name: "greeter",
  config: { NAME_URL: z.url(), FAILS: z.stringbool().default(false) },
  resources: ({ config, use }) => {
    origins.push(new URL(config.NAME_URL).origin);
    if (config.FAILS) {
      throw new Error("no database");
    }
    return { names: createClient(NameService, use(createChannel(config.NAME_URL))) };
  },
  routes: ({ resources: { names } }) => [
    implement(GreeterService, {
      sayHello: async ({ name }) => ({ greeting: (await names.processName({ name })).name }),
      async *sayHelloToEach() {
        yield { greeting: String(currentCall().timeLeftMs()) };
      },
    }),
  ],
});
const names = fake(NameService, { processName: ({ name }) => ({ name: `${name}!` }) });

test("a fake stands behind its URL while the service runs, and is gone when it has stopped", async () => {
  const app = await startTest(greeter, { fakes: { NAME_URL: names } });
  expect(await app.client(GreeterService).sayHello({ name: "ada" })).toMatchObject({ greeting: "ada!" });
  expect(memoryTarget(origins.at(-1) ?? "")).toBeDefined();
  await app.stop();
  expect(memoryTarget(origins.at(-1) ?? "")).toBeUndefined();
});

test("a fake is gone, too, when the service could not start", async () => {
  const starting = startTest(greeter, { fakes: { NAME_URL: names }, config: { FAILS: "true" } });
  await expect(starting).rejects.toThrow("no database");
  expect(memoryTarget(origins.at(-1) ?? "")).toBeUndefined();
});

test("two fakes may stand behind one URL, and a method that none answers is unimplemented", async () => {
  await using app = await startTest(greeter, { fakes: { NAME_URL: [fake(GreeterService, {}), names] } });
  expect(await app.client(GreeterService).sayHello({ name: "ada" })).toMatchObject({ greeting: "ada!" });
  await using empty = await startTest(greeter, { fakes: { NAME_URL: fake(NameService, {}) } });
  await expect(empty.client(GreeterService).sayHello({ name: "ada" })).rejects.toThrow("internal error");
  expect(JSON.stringify(empty.logs)).toContain("unimplemented");
});

test("nothing is taken from the environment of the process", async () => {
  process.env["NAME_URL"] = "http://localhost:1";
  try {
    await expect(startTest(greeter)).rejects.toThrow("NAME_URL is not set");
  } finally {
    delete process.env["NAME_URL"];
  }
});

test("inCall makes a call of any code, which ends with it", async () => {
  const call = await inCall({ requestId: "r-1", timeoutMs: 60_000 }, async () => {
    await Promise.resolve();
    return currentCall();
  });
  expect(call).toMatchObject({ requestId: "r-1", method: undefined, peer: { address: "127.0.0.1" } });
  expect(call.timeLeftMs()).toBeGreaterThan(0);
  expect(call.signal.aborted).toBe(true);
  expect(() => currentCall()).toThrow(/detached.*inCall/);
  expect(() => detached("receipt", () => undefined)).toThrow('detached("receipt")');
});
