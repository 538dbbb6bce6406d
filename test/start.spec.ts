import { once } from "node:events";
import { realpath } from "node:fs/promises";
import { createServer } from "node:net";
import { delimiter, join } from "node:path";
import { describe, expect, test } from "vitest";
import { copyRepository, repository } from "./commands/repository-copy.ts";
import { openTerminal, type Terminal } from "./commands/terminal.ts";
import { cleanEnvironment, freePort, run, succeeds } from "./packaging/process.ts";

interface Started extends AsyncDisposable {
  readonly terminal: Terminal;
  readonly name: number;
  readonly greeter: number;
}

async function start(
  env: Readonly<Record<string, string>> = {},
  { line = "npm start", folder = repository } = {},
): Promise<Started> {
  const [name, greeter] = await Promise.all([freePort(), freePort()]);
  const terminal = openTerminal(line, folder, {
    // What a shell may have for a program of another kind.
    HOST: "no.such.host.invalid",
    PORT: "no port",
    NAME_PORT: String(name),
    GREETER_PORT: String(greeter),
    LOG_FORMAT: "json",
    ...env,
  });
  return { terminal, name, greeter, [Symbol.asyncDispose]: () => terminal[Symbol.asyncDispose]() };
}

/** Runs the commands that it suggests, each of which greets; gives the reason why one was left out. */
async function tryCommands({ terminal }: Started, cwd: string): Promise<string | undefined> {
  const suggested = terminal.output().split("\n");
  const commands = suggested.flatMap((line) => /^ {2}((?:curl|npx|grpcurl) .*\btest\b.*)$/.exec(line)?.[1] ?? []);
  expect(commands.map((command) => command.split(" ")[0])).toEqual(["curl", "curl", "npx", "grpcurl"]);
  const hasGrpcurl = await succeeds(["grpcurl", "-version"], { cwd, env: cleanEnvironment() });
  for (const command of commands) {
    if (command.startsWith("grpcurl") && !hasGrpcurl) continue;
    expect(await run(["sh", "-c", command], { cwd }), command).toContain("TEST");
  }
  return hasGrpcurl ? undefined : "all but grpcurl's command: it is not installed";
}

/** Where a service logged that text; -1 if it did not. */
function positionOf(output: string, service: string, text: string): number {
  return output.split("\n").findIndex((line) => line.includes(`"name":"${service}"`) && line.includes(text));
}

async function serviceProcess(terminal: Terminal, service: string): Promise<number> {
  const found = (await terminal.processes()).find(({ command }) => command.includes(`services/${service}/main.ts`));
  if (found === undefined) throw new Error(`${service} does not run; ${terminal.output()}`);
  return found.pid;
}

describe("npm start", () => {
  test("says where the services are, whatever HOST and PORT the shell has, and its commands greet", async (context) => {
    await using started = await start();
    const { terminal, name, greeter } = started;
    await terminal.shows("Ctrl-C stops it.");
    expect(terminal.output()).toContain(`http://localhost:${name}\n`);
    expect(terminal.output()).toContain(`http://localhost:${greeter}\n`);
    const leftOut = await tryCommands(started, repository);
    if (leftOut !== undefined) context.skip(leftOut);
  });

  test("stops greeter before name at Ctrl-C, however often that arrives at once, and leaves nothing behind", async () => {
    await using started = await start();
    const { terminal } = started;
    await terminal.shows("Ctrl-C stops it.");
    terminal.pressCtrlC();
    terminal.pressCtrlC();
    expect(await terminal.end()).toBe(0);
    expect(await terminal.processes()).toEqual([]);
    const greeterStopped = positionOf(terminal.output(), "greeter", "action=stop, status=success");
    expect(greeterStopped).toBeGreaterThan(0);
    expect(positionOf(terminal.output(), "name", "action=stop")).toBeGreaterThan(greeterStopped);
  });

  test("stops in the same order at SIGTERM to npm", async () => {
    await using started = await start();
    const { terminal } = started;
    await terminal.shows("Ctrl-C stops it.");
    terminal.kill("SIGTERM");
    await terminal.until(async () => (await terminal.processes()).length === 0);
    const greeterStopped = positionOf(terminal.output(), "greeter", "action=stop, status=success");
    expect(greeterStopped).toBeGreaterThan(0);
    expect(positionOf(terminal.output(), "name", "action=stop")).toBeGreaterThan(greeterStopped);
  });

  test("ends at once at a second Ctrl-C that comes a second later", async () => {
    // The services would take half a minute.
    await using started = await start({ SHUTDOWN_DELAY_MS: "30000" });
    const { terminal } = started;
    await terminal.shows("Ctrl-C stops it.");
    const firstAt = performance.now();
    terminal.pressCtrlC();
    await terminal.until(async () => {
      terminal.pressCtrlC();
      return (await terminal.processes()).length === 0;
    });
    expect(performance.now() - firstAt).toBeGreaterThanOrEqual(1_000);
    expect(performance.now() - firstAt).toBeLessThan(15_000);
    expect(await terminal.end()).not.toBe(0);
  });

  test("says in one line which port is in use, and exits with 1", async () => {
    await using other = createServer().listen(0);
    await once(other, "listening");
    const address = other.address();
    if (address === null || typeof address === "string") throw new Error("a listener without a port");
    await using started = await start({ NAME_PORT: String(address.port) });
    const { terminal } = started;
    expect(await terminal.end()).toBe(1);
    const told = terminal
      .output()
      .split("\n")
      .filter((line) => line.includes(String(address.port)));
    expect(told).toEqual([`name: port ${address.port} is in use; free it, or set NAME_PORT.`]);
    expect(await terminal.processes()).toEqual([]);
  });

  test("names every port variable that is wrong, and exits with 1", async () => {
    await using started = await start({ NAME_PORT: "http", GREETER_PORT: "65536" });
    const { terminal } = started;
    expect(await terminal.end()).toBe(1);
    expect(terminal.output()).toContain('NAME_PORT is "http"');
    expect(terminal.output()).toContain('GREETER_PORT is "65536"');
  });

  test("says which service died, stops the others and exits with 1", async () => {
    await using started = await start();
    const { terminal } = started;
    await terminal.shows("Ctrl-C stops it.");
    process.kill(await serviceProcess(terminal, "name"), "SIGKILL");
    expect(await terminal.end()).toBe(1);
    expect(terminal.output()).toContain("name was killed by SIGKILL; the others are stopped.");
    expect(positionOf(terminal.output(), "greeter", "action=stop, status=success")).toBeGreaterThan(0);
    expect(await terminal.processes()).toEqual([]);
  });

  test("stops the others when a service does not start", async () => {
    await using started = await start({ LOG_LEVEL: "no level" });
    const { terminal } = started;
    expect(await terminal.end()).toBe(1);
    expect(terminal.output()).toContain("LOG_LEVEL");
    expect(terminal.output()).toMatch(/(name|greeter) exited with code 1; the others are stopped\./);
    expect(await terminal.processes()).toEqual([]);
  });

  test("leaves no service behind when it is killed itself", async () => {
    await using started = await start();
    const { terminal } = started;
    await terminal.shows("Ctrl-C stops it.");
    const runner = (await terminal.processes()).find(({ command }) => command.includes("tools/start.ts"));
    if (runner === undefined) throw new Error(`there is no runner; ${terminal.output()}`);
    process.kill(runner.pid, "SIGKILL");
    await terminal.until(async () => (await terminal.processes()).length === 0);
  });

  test("says in one line what else it takes, and exits with 1", async () => {
    await using started = await start({}, { line: "npm start -- --tsl" });
    const { terminal } = started;
    expect(await terminal.end()).toBe(1);
    expect(terminal.output()).toContain("\nnpm start takes nothing but -- --tls.\n");
    expect(terminal.output()).not.toContain("    at ");
  });

  test("takes the pinned Node, whatever comes first in the shell's PATH", async () => {
    await using started = await start({ PATH: ["/usr/bin", process.env["PATH"]].join(delimiter) });
    const { terminal } = started;
    await terminal.shows("Ctrl-C stops it.");
    const services = (await terminal.processes()).filter(({ command }) => command.includes("/main.ts"));
    const pinned = await realpath(join(repository, "node_modules/node/bin/node"));
    expect(new Set(services.map(({ command }) => command.split(" ")[0]))).toEqual(new Set([pinned]));
  });
});

describe("npm start -- --tls", () => {
  test("has the services speak TLS, to each other by certificates of their own, and its commands greet", async (context) => {
    await using copy = await copyRepository(); // it has no certificates yet
    await using started = await start({}, { line: "npm start -- --tls", folder: copy.folder });
    const { terminal, name, greeter } = started;
    await terminal.shows("Ctrl-C stops it.");
    expect(terminal.output()).toContain("Made in certs, ");
    expect(terminal.output()).toContain(`https://localhost:${name}\n`);
    expect(terminal.output()).toContain(`https://localhost:${greeter}\n`);

    const leftOut = await tryCommands(started, copy.folder);
    for (const caller of ["greeter", "client"]) {
      const identity = `"peer_identity":"spiffe://portico.test/${caller}"`;
      await terminal.until(async () => positionOf(terminal.output(), "name.access", identity) >= 0);
    }
    const rpc = `-H 'content-type: application/json' -d '{"name": "test"}' https://localhost:${name}/name.v1.NameService/ProcessName`;
    const answer = await run(["sh", "-c", `curl -sS --cacert certs/ca.crt ${rpc}`], { cwd: copy.folder });
    expect(JSON.parse(answer)).toMatchObject({ code: "unauthenticated" });
    if (leftOut !== undefined) context.skip(leftOut);
  });
});
