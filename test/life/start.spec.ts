import { once } from "node:events";
import { createServer } from "node:net";
import { createClient } from "@connectrpc/connect";
import { createChannel } from "portico";
import { expect, test } from "vitest";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.js";
import { GREETER, NAME, startProcess } from "../support/service-process.ts";

test("a port in use is one clear line and exit 1", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const { port } = taken.address() as { port: number }; // a string only for pipes
  await using service = startProcess(NAME, { PORT: String(port) });
  expect(await service.exit).toBe(1);
  expect(service.stderr()).toBe(
    `name cannot start: port ${port} of 127.0.0.1 is in use by another process; set PORT to a free one, or stop that process\n`,
  );
  taken.close();
});

test("an address that is not this machine's is one clear line and exit 1", async () => {
  await using service = startProcess(NAME, { HOST: "203.0.113.1" });
  expect(await service.exit).toBe(1);
  expect(service.stderr()).toBe(
    "name cannot start: port 0 of 203.0.113.1 is no address of this machine; set HOST to one, or to :: for all\n",
  );
});

test("every bad variable is named in one message, exit 1", async () => {
  await using service = startProcess(GREETER, {
    PORT: "99999",
    LOG_LEVEL: "loud",
    NAME_URL: "name:50051",
    NAME_TIMEOUT_MS: "-1",
    DEFAULT_DEADLINE_MS: "soon",
    CORS_ORIGINS: "https://shop.example/",
    TRUSTED_PROXIES: "10.0.0.0/99",
    REFLECTION: "perhaps",
    PROPAGATE_HEADERS: "x y",
  });
  expect(await service.exit).toBe(1);
  const [first, ...rest] = service.stderr().trimEnd().split("\n");
  expect(first).toBe("greeter cannot start: 9 settings are wrong");
  expect(rest.map((line) => /^ {2}([A-Z_]+)=/.exec(line)?.[1]).sort()).toEqual([
    "CORS_ORIGINS",
    "DEFAULT_DEADLINE_MS",
    "LOG_LEVEL",
    "NAME_TIMEOUT_MS",
    "NAME_URL",
    "PORT",
    "PROPAGATE_HEADERS",
    "REFLECTION",
    "TRUSTED_PROXIES",
  ]);
  expect(service.stdout()).toBe("");
});

test("the value of a variable that holds a secret is not printed", async () => {
  await using service = startProcess("test/life/fixtures/secretive.ts", { API_TOKEN: "hunter2" });
  expect(await service.exit).toBe(1);
  expect(service.stderr()).toContain("API_TOKEN: ");
  expect(service.stderr()).not.toContain("hunter2");
});

test("a misspelt variable is a warning that names the one that is meant; a right one is none", async () => {
  await using service = startProcess(NAME, { LOG_LEVLE: "debug", SHUTDOWN_DELAY_MS: "0" });
  await service.url();
  const warnings = service.logs().filter(({ levelname }) => levelname === "WARN");
  expect(warnings.map(({ message }) => message)).toEqual([
    "LOG_LEVLE is no setting of this service; is LOG_LEVEL meant?",
  ]);
});

test("an empty variable counts as unset", async () => {
  await using service = startProcess(GREETER, { NAME_URL: "", LOG_LEVEL: "", CORS_ORIGINS: "", REFLECTION: "" });
  expect((await fetch(`${await service.url()}/readyz`)).status).toBe(200);
});

test.for([
  [{ NODE_ENV: "development" }, true],
  [{ NODE_ENV: "production" }, false],
  [{}, false],
  [{ REFLECTION: "true" }, true],
  [{ NODE_ENV: "development", REFLECTION: "false" }, false],
] as const)("with %j reflection is %s", async ([env, isThere]) => {
  await using service = startProcess(NAME, env);
  await using channel = createChannel(await service.url());
  const requests = async function* () {
    yield { messageRequest: { case: "listServices" as const, value: "" } };
  };
  const answers = createClient(ServerReflection, channel).serverReflectionInfo(requests());
  const first = await answers[Symbol.asyncIterator]()
    .next()
    .then(
      () => true,
      () => false,
    );
  expect(first).toBe(isThere);
});

test("the default host takes IPv4 and IPv6", async () => {
  await using service = startProcess(NAME, { HOST: "" });
  const { port } = new URL(await service.url());
  for (const host of ["127.0.0.1", "[::1]"]) {
    expect((await fetch(`http://${host}:${port}/healthz`)).status).toBe(200);
  }
});
