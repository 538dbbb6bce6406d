import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { Code, createClient } from "@connectrpc/connect";
import { createChannel } from "portico/client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NameService } from "../gen/name/v1/name_pb.js";
import { ChannelSight } from "../src/client/channel-sight.ts";
import { readConfiguration } from "../src/service/configuration.ts";
import { greeter } from "../src/services/greeter/service.ts";
import { name } from "../src/services/name/service.ts";
import { chromiumNote, chromiumPath, launchChromium } from "./browser/chromium.ts";
import { copyRepository, type RepositoryCopy, repository } from "./commands/repository-copy.ts";
import { openTerminal, type Terminal } from "./commands/terminal.ts";
import { answers, cleanEnvironment, freePort, poll, type Running, run, start } from "./packaging/process.ts";
import { hasFields, hasLine } from "./readme/expected.ts";
import { codeIn, tableIn } from "./readme/fences.ts";
import { brokenLinks } from "./readme/links.ts";
import { freePorts, type Ports } from "./readme/ports.ts";
import { expectShown, runShell } from "./readme/shell.ts";
import { claimsOn, isFile, type Shown, titleOf } from "./readme/shown.ts";

// Everything that the documents show is run here as it is shown; only ports are others. It is over 300 lines because each
// fenced block is one test of one of the groups below, and a block that no group claims fails. What `<!-- ci -->` marks is
// what .ci/run runs, `<!-- package -->` is package.spec.ts's, and `<!-- docker -->` docker.spec.ts's.

const CLIENT = "docs/client.md";
const DOCUMENTS = ["README.md", "docs/writing-services.md", "docs/http2.md", "docs/tls.md", CLIENT];
const readme = await readFile(join(repository, "README.md"), "utf8");
const { claim, unclaimed } = await claimsOn(DOCUMENTS);

const NAME = 50051;
const GREETER = 8081;
const ORDERS = 8082;
const VITE = 5173;
/** Where nobody listens. */
const NOBODY = 50052;
const NODE = [process.execPath, "--conditions=portico-source"] as const;

/** Words for where time went, without the time, and without the stages that take some on some machines alone. */
function timeless(words: string): string {
  return words
    .replace(/\s+/g, " ")
    .replace(/resolving \d+ ms, |after \d+ ms /g, "")
    .replace(/\d+ ms/g, "… ms");
}

/** Waits until a log has every line of the block; two processes write it, each in its own order. */
async function expectLogged(log: { output(): string }, { text: shown, language }: Shown): Promise<void> {
  const isLogged = language === "json" ? hasFields : hasLine;
  for (const line of shown.split("\n")) {
    await poll(
      async () => isLogged(log.output(), line),
      5_000,
      () => `${line} is awaited in:\n${log.output()}`,
    );
  }
}

/** What docs/client.md has for the repository: programs, and the files that they read. */
const clientFiles = claim((fence) => isFile(fence, "portico/") && fence.document === CLIENT);

describe("the first minutes and the calls", () => {
  let ports: Ports;
  let copy: RepositoryCopy;
  let terminal: Terminal;
  const startFences = claim(({ kind }) => kind === "start");
  const snippets = ["snippets/fetch.js", "portico/src/snippets/client.ts"];
  const shown = claim(
    (fence) => ["sh", "log"].includes(fence.kind) && fence.argument === "" && fence.document === "README.md",
  );
  const programs = claim((fence) => snippets.some((path) => isFile(fence, path)));
  const words = claim(({ kind }) => kind === "words");
  const onwardLogs = claim(({ kind, argument }) => kind === "log" && argument === "onward");

  beforeAll(async () => {
    ports = await freePorts(NAME, GREETER, NOBODY);
    copy = await copyRepository();
    for (const { argument, text: content } of [...programs, ...clientFiles, ...words]) {
      await write(inCopy(argument), `${ports.toUsed(content)}\n`);
    }
    terminal = openTerminal("npm start", copy.folder, {
      NAME_PORT: String(ports.of(NAME)),
      GREETER_PORT: String(ports.of(GREETER)),
      LOG_FORMAT: "pretty", // as on a terminal
    });
    await terminal.shows("Ctrl-C stops it.");
  });
  afterAll(async () => {
    await terminal?.[Symbol.asyncDispose]();
    await copy?.[Symbol.asyncDispose]();
  });

  for (const fence of startFences) {
    test(titleOf(fence), () => {
      expect(fence.text).toBe("npm ci && npm start"); // `npm ci` is .ci/run's
      expectShown(terminal.output(), fence, ports);
    });
  }
  for (const fence of shown) {
    test(titleOf(fence), async (context) => {
      await (fence.kind === "log" ? expectLogged(terminal, fence) : runShell(fence, copy.folder, ports, context));
    });
  }
  for (const fence of [...programs, ...clientFiles.filter(({ language }) => language === "ts")]) {
    test(titleOf(fence), async () => {
      expectShown(await print(fence), fence, ports);
    });
  }
  for (const fence of words) {
    test(titleOf(fence), async () => {
      const printed = timeless(await print(fence));
      expectShown(printed, { ...fence, output: timeless(fence.output ?? "") }, ports);
    });
  }
  for (const fence of onwardLogs) {
    test(titleOf(fence), async () => {
      const port = await freePort();
      const env = { PORT: String(port), NAME_URL: ports.url(NOBODY) };
      await using service = start([...NODE, "src/services/greeter/main.ts"], { cwd: copy.folder, env });
      await service.until(() => answers(`http://localhost:${port}/readyz`));
      const headers = { "x-request-id": "tour-1" };
      await (await fetch(`http://localhost:${port}/api/v1/say-hello?name=test`, { headers })).text();
      await expectLogged({ output: () => ports.toShown(service.output()) }, fence);
    });
  }

  function inCopy(path: string): string {
    return join(copy.folder, path.replace(/^portico\//, ""));
  }

  /** What a program prints. */
  function print({ argument }: Shown): Promise<string> {
    return run([...NODE, inCopy(argument)], { cwd: copy.folder, env: cleanEnvironment() });
  }

  test("stops at Ctrl-C, callers first", async () => {
    terminal.pressCtrlC();
    expect(await terminal.end()).toBe(0);
    const output = terminal.output();
    const stopped = (service: string) => output.search(new RegExp(`INFO {2}${service} action=stop, status=success`));
    expect(stopped("greeter")).toBeGreaterThan(0);
    expect(stopped("greeter")).toBeLessThan(stopped("name"));
  });
});

describe("the third service in this repository, and the other snippets", () => {
  let ports: Ports;
  let copy: RepositoryCopy;
  let terminal: Terminal | undefined;
  const files = claim((fence) => isFile(fence, "orders/proto/") || isFile(fence, "orders/src/"));
  const snippets = claim(
    (fence) =>
      isFile(fence, "portico/src/snippets/") && !fence.argument.endsWith("/client.ts") && fence.document !== CLIENT,
  );
  const commands = claim(({ kind }) => kind === "third");
  const calls = claim(({ kind }) => kind === "third calls");
  const logs = claim(({ kind, argument }) => kind === "log" && argument === "json");

  beforeAll(async () => {
    ports = await freePorts(NAME, GREETER, ORDERS);
    copy = await copyRepository();
    for (const file of ["vitest.config.ts", "biome.json"]) {
      await write(join(copy.folder, file), await readFile(join(repository, file), "utf8"));
    }
    const compiled = clientFiles.filter(({ argument }) => argument.startsWith("portico/src/"));
    for (const { argument, text: content } of [...files, ...snippets, ...compiled]) {
      await write(join(copy.folder, argument.replace(/^(?:orders|portico)\//, "")), `${content}\n`);
    }
  });
  afterAll(async () => {
    await terminal?.[Symbol.asyncDispose]();
    await copy?.[Symbol.asyncDispose]();
  });

  for (const fence of commands) {
    test(titleOf(fence), async () => {
      const lines = fence.text.split("\n");
      expect(lines.at(-1)).toBe("npm start");
      for (const line of lines.slice(0, -1)) {
        await run(["sh", "-ec", line], { cwd: copy.folder, env: cleanEnvironment() });
      }
      terminal = openTerminal("npm start", copy.folder, {
        NAME_PORT: String(ports.of(NAME)),
        GREETER_PORT: String(ports.of(GREETER)),
        ORDERS_PORT: String(ports.of(ORDERS)),
      });
      await terminal.shows("Ctrl-C stops it.");
    }, 60_000);
  }
  for (const fence of calls) {
    test(titleOf(fence), (context) => runShell(fence, copy.folder, ports, context));
  }
  for (const fence of logs) {
    test(titleOf(fence), async () => {
      if (terminal === undefined) throw new Error("nothing was started");
      const headers = { "x-request-id": "tour-1" };
      await (await fetch(`${ports.url(GREETER)}/api/v1/say-hello?name=test`, { headers })).text();
      await expectLogged(terminal, fence);
    });
  }

  test("passes the compiler and the linter with all snippets in it", async () => {
    const options = { cwd: copy.folder, env: cleanEnvironment() };
    const include = ["src/snippets", "src/services/orders"];
    await write(join(copy.folder, "tsconfig.shown.json"), JSON.stringify({ extends: "./tsconfig.json", include }));
    await run(["npx", "tsc", "-p", "tsconfig.shown.json"], options);
    await run(["npx", "biome", "check", "--vcs-enabled=false", "--error-on-warnings", ...include], options);
    await run(["npx", "buf", "lint"], options);
    await run(["npx", "buf", "format", "proto", "-d", "--exit-code"], options);
  }, 60_000);

  const checks: Readonly<Record<string, () => Promise<void>>> = {
    async "testing.spec.ts"() {
      await run(["npx", "vitest", "run", "src/snippets"], { cwd: copy.folder, env: cleanEnvironment() });
    },
    async "interceptors.ts"() {
      await using service = await serve("interceptors.ts", "guarded", { API_TOKEN: "a good token" });
      await using channel = createChannel(service.url);
      const names = createClient(NameService, channel);
      await expect(names.processName({ name: "a" })).rejects.toMatchObject({ code: Code.Unauthenticated });
      const headers = { authorization: "Bearer a good token" };
      await expect(names.processName({ name: "a" }, { headers })).resolves.toMatchObject({ name: "A" });
      const stream = names.processNames(
        (async function* () {
          yield { name: "b" };
        })(),
      );
      expect((await stream[Symbol.asyncIterator]().next()).value).toMatchObject({ name: "B" });
      const isLogged = async () => /ProcessName took \d+ ms/.test(service.process.output());
      await service.process.until(isLogged, 5_000); // lines are written in batches
    },
    "express.ts": () => expectId("express.ts", "prices", "/price"),
    "fastify.ts": () => expectId("fastify.ts", "stock", "/stock"),
    async "access.ts"() {
      await using service = await serve("access.ts", "names");
      await using channel = createChannel(service.url);
      const called = createClient(NameService, channel).processName({ name: "a" });
      await expect(called).rejects.toMatchObject({ code: Code.Unauthenticated });
      expect(await (await fetch(`${service.url}/about`)).text()).toBe("Names are made upper case here.\n");
      expect((await fetch(`${service.url}/shout?name=a`)).status).toBe(401);
    },
    async "upgrade.ts"() {
      await using service = await serve("upgrade.ts", "echo");
      const socket = connect({ host: "localhost", port: Number(new URL(service.url).port) });
      socket.end("GET / HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\nhello");
      expect(await text(socket)).toMatch(/^HTTP\/1.1 101 .*\r\n\r\nhello$/s);
    },
  };
  for (const fence of snippets) {
    test(titleOf(fence), async () => {
      const check = checks[fence.argument.replace("portico/src/snippets/", "")];
      if (check === undefined) throw new Error(`no check runs ${fence.argument}`);
      await check();
    });
  }

  async function expectId(file: string, exported: string, path: string): Promise<void> {
    await using service = await serve(file, exported);
    const response = await fetch(`${service.url}${path}`, { headers: { "x-request-id": "readme-1" } });
    expect(await response.json()).toEqual({ id: "readme-1" });
    expect(await service.process.stop()).toBe(0);
  }

  /** Runs a snippet's service as a process of its own. */
  async function serve(file: string, exported: string, env: Readonly<Record<string, string>> = {}) {
    const port = await freePort();
    const program = `import { run } from "portico"; import { ${exported} } from "./src/snippets/${file}"; await run(${exported});`;
    const command = [...NODE, "--input-type=module-typescript", "--eval", program] as const;
    const service: Running = start(command, { cwd: copy.folder, env: { ...env, PORT: String(port) } });
    const url = `http://localhost:${port}`;
    await service.until(() => answers(`${url}/readyz`));
    return { process: service, url, [Symbol.asyncDispose]: () => service[Symbol.asyncDispose]() };
  }
});

describe("the Vite client", () => {
  let folder: string;
  let ports: Ports;
  let copy: RepositoryCopy;
  let terminal: Terminal;
  let vite: Terminal;
  const commands = claim(({ kind }) => kind === "web");
  const files = claim((fence) => isFile(fence, "web/"));

  beforeAll(async () => {
    ports = await freePorts(NAME, GREETER, VITE);
    copy = await copyRepository();
    folder = await mkdtemp(join(tmpdir(), "portico-web-"));
    await symlink(copy.folder, join(folder, "portico"));
    for (const { argument, text: content } of files) await write(join(folder, argument), ports.toUsed(content));
    // Of the packages that are installed for the repository itself, no more than the block above the files installs.
    for (const name of [".bin", "@bufbuild", "@connectrpc", "typescript", "vite"]) {
      await mkdir(join(folder, "web/node_modules"), { recursive: true });
      await symlink(join(repository, "node_modules", name), join(folder, "web/node_modules", name));
    }
    terminal = openTerminal("npm start", copy.folder, {
      NAME_PORT: String(ports.of(NAME)),
      GREETER_PORT: String(ports.of(GREETER)),
    });
    await terminal.shows("Ctrl-C stops it.");
  });
  afterAll(async () => {
    await vite?.[Symbol.asyncDispose]();
    await terminal?.[Symbol.asyncDispose]();
    await copy?.[Symbol.asyncDispose]();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  for (const fence of commands) {
    test(titleOf(fence), async () => {
      const [install = "", installDev = "", generate = "", serve = "", ...rest] = fence.text.split("\n");
      expect(rest).toEqual([]);
      const packages = [install, installDev].flatMap((line) =>
        line.replace(/^npm install( --save-dev)? /, "").split(" "),
      );
      for (const name of packages) await expectInstalled(name);
      const cwd = join(folder, "web");
      await run(["sh", "-ec", generate], { cwd, env: cleanEnvironment() });
      const port = String(ports.of(VITE));
      vite = openTerminal(`${serve} --port ${port} --strictPort`, cwd);
      await vite.shows("ready in");
    });
  }
  for (const fence of files) {
    test(titleOf(fence), () => expect(ports.toUsed(fence.text)).toBeTruthy());
  }
  test("compiles", async () => {
    const options =
      "--noEmit --strict --target esnext --module esnext --moduleResolution bundler --skipLibCheck --types node";
    const roots = ["--typeRoots", join(repository, "node_modules/@types")];
    await run(["npx", "tsc", ...options.split(" "), ...roots, "src/main.ts", "vite.config.ts"], {
      cwd: join(folder, "web"),
    });
  });
  test("passes calls on from the page's own origin", async () => {
    const response = await fetch(`http://localhost:${ports.of(VITE)}/greeter.v1.GreeterService/SayHello`, {
      method: "POST",
      headers: { "content-type": "application/json", origin: `http://localhost:${ports.of(VITE)}` },
      body: JSON.stringify({ name: "vite" }),
    });
    expect(await response.json()).toEqual({ greeting: "Hello, VITE!" });
    const rest = await fetch(`http://localhost:${ports.of(VITE)}/api/v1/say-hello?name=vite`);
    expect(await rest.json()).toBe("Hello, VITE!");
  });
  test.skipIf(chromiumPath === undefined)(`shows the greetings in a browser${chromiumNote}`, async () => {
    await using browser = await launchChromium();
    const page = await browser.newPage();
    await page.goto(`http://localhost:${ports.of(VITE)}/`);
    await page.getByText("Hello, GRACE!").waitFor();
    expect(await page.locator("body").textContent()).toContain("Hello, ADA!Hello, GRACE!");
  });
});

describe("what other tests run", () => {
  for (const fence of claim(({ kind }) => kind === "ci")) {
    test(titleOf(fence), async () => {
      const script = await readFile(join(repository, ".ci/run"), "utf8");
      for (const command of fence.text.split(" && ")) expect(script).toMatch(new RegExp(`^stage .* ${command}$`, "m"));
    });
  }
  for (const fence of claim(({ kind }) => kind === "package")) {
    test(titleOf(fence), async () => {
      const installs = fence.text.split("\n").filter((line) => line.startsWith("npm install"));
      expect(installs).toHaveLength(2);
      for (const name of installs.join(" ").split(" ")) {
        if (!name.startsWith("../") && !name.startsWith("--") && !["npm", "install"].includes(name))
          await expectInstalled(name);
      }
      const { version } = await manifest();
      expect(installs.join()).toContain(`../portico/portico-${version}.tgz`);
      expect(await packageTest()).toContain('readmeCommands(readme, "package")');
    });
  }
  for (const fence of claim(
    (fence) => isFile(fence, "orders/") && !isFile(fence, "orders/src/") && !isFile(fence, "orders/proto/"),
  )) {
    test(titleOf(fence), async () => {
      expect(await packageTest()).toContain('startsWith("orders/")');
    });
  }
  for (const fence of claim(({ kind }) => kind === "tls")) {
    test(titleOf(fence), async () => {
      expect(fence.text.split("\n")).toEqual(["npm run certs", "npm start -- --tls"]);
      expect(await readFile(join(import.meta.dirname, "start.spec.ts"), "utf8")).toContain('"npm start -- --tls"');
      expect(await readFile(join(repository, "tools/certs.spec.ts"), "utf8")).toContain('"certs.ts"');
    });
  }
  for (const fence of claim(({ kind }) => kind === "docker")) {
    test(titleOf(fence), async () => {
      const spec = await readFile(join(import.meta.dirname, "docker.spec.ts"), "utf8");
      expect(fence.text.split("\n")).toEqual([
        "docker compose up --build",
        "docker compose up --scale name=3",
        "docker compose --profile tls up greeter-tls",
      ]);
      expect(spec).toMatch(/compose\("up", .*"--scale", "name=3"\)/);
      expect(spec).toMatch(/compose\("--profile", "tls", "up", /);
    });
  }
});

describe("the tables, the layout and the links", () => {
  test("name every variable of a service, with its default and what is allowed", () => {
    const rows = tableIn(readme, "base");
    const { config, names } = configurationOf({});
    expect(rows.map(([name = ""]) => codeIn(name)[0])).toEqual(names);
    for (const [name = "", cell = "", allowed = ""] of rows) {
      const variable = codeIn(name)[0] ?? "";
      const value = config[variable];
      if (value === undefined)
        expect(["LOG_FORMAT", "REFLECTION", ...Object.keys(TLS), "TLS_CLIENT_AUTH"]).toContain(variable);
      else if (variable === "PORT") expect(value).toBe(4242);
      else expect(cell).toBe(Array.isArray(value) && value.length === 0 ? "none" : `\`${value}\``);
      const beside = variable === "TLS_CLIENT_AUTH" ? TLS : {}; // which it needs
      for (const example of codeIn(allowed)) configurationOf({ ...beside, [variable]: example });
      const [, least, most] = /^(\d+) to (\d+)$/.exec(allowed) ?? [];
      if (least === undefined || most === undefined) continue;
      for (const bound of [least, most]) configurationOf({ [variable]: bound });
      for (const beyond of [Number(least) - 1, Number(most) + 1]) {
        expect(() => configurationOf({ [variable]: String(beyond) })).toThrow(variable);
      }
    }
  });

  test("name every variable that the two services add", () => {
    const rows = tableIn(readme, "services").map(([variable = "", value = ""]) => [
      codeIn(variable)[0],
      codeIn(value)[0] ?? "undefined", // said in words
    ]);
    const added = [greeter, name].flatMap(({ name, port, config: shape }) => {
      const config: Readonly<Record<string, unknown>> = readConfiguration(
        { name, port, config: { ...shape } },
        {},
      ).config;
      return Object.keys(shape).map((variable) => [variable, String(config[variable])]);
    });
    expect(rows).toEqual(added);
  });

  test("name all that a channel counts, and all that it tells", async () => {
    const markdown = await readFile(join(repository, CLIENT), "utf8");
    await using channel = createChannel("http://localhost:1");
    const { target: _target, state: _state, ...counts } = channel.stats();
    const counted = tableIn(markdown, "stats").flatMap(([name = ""]) => codeIn(name));
    expect(counted.sort()).toEqual(Object.keys(counts).sort());
    const told = tableIn(markdown, "events").map(([name = ""]) => codeIn(name)[0]);
    expect(told).toEqual(Object.keys(new ChannelSight("").counts));
  });

  test("name every command", async () => {
    const { scripts } = await manifest();
    const named = tableIn(readme, "commands").flatMap(([command = ""]) => codeIn(command));
    const commands = Object.keys(scripts).map((name) =>
      ["start", "test"].includes(name) ? `npm ${name}` : `npm run ${name}`,
    );
    expect(named.sort()).toEqual(commands.sort());
  });

  for (const fence of claim(({ kind }) => kind === "layout")) {
    test(titleOf(fence), async () => {
      const paths = fence.text.split("\n").map((line) => line.split(/\s{2,}/)[0] ?? "");
      for (const path of paths) expect(existsSync(join(repository, path)), path).toBe(true);
      const folders = [...(await foldersIn(".")), ...(await foldersIn("src"))].filter((folder) => folder !== "src");
      expect(paths).toEqual(expect.arrayContaining(folders.map((folder) => `${folder}/`)));
    });
  }

  for (const document of DOCUMENTS) {
    test(`lead somewhere, in ${document}`, async () => {
      expect(await brokenLinks(document)).toEqual([]);
    });
  }

  test("every block is run by one of the tests above", () => {
    expect(unclaimed()).toEqual([]);
  });
});

/** The variables with paths of certificates. */
const TLS = { TLS_CERT_FILE: "a.crt", TLS_KEY_FILE: "a.key", TLS_CLIENT_CA_FILE: "b.crt", TLS_CA_FILE: "b.crt" };

/** The folders of a folder of the repository, without those that are made and not kept. */
async function foldersIn(folder: string): Promise<readonly string[]> {
  const made = [".git", ...(await readFile(join(repository, ".gitignore"), "utf8")).replaceAll("/", "").split("\n")];
  const entries = await readdir(join(repository, folder), { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory() && !made.includes(entry.name))
    .map((entry) => join(folder, entry.name));
}

/** What makes package.spec.ts's project of the README. */
function packageTest(): Promise<string> {
  return readFile(join(import.meta.dirname, "packaging/orders-project.ts"), "utf8");
}

/** The configuration of a service without variables of its own, and the names that were asked for. */
function configurationOf(env: Readonly<Record<string, string>>) {
  const names = new Set<string>();
  const recording = new Proxy(env, {
    get(target, name) {
      names.add(String(name));
      return target[String(name)];
    },
  });
  const { config } = readConfiguration({ name: "plain", port: 4242, config: {} }, recording);
  return { config: config as Readonly<Record<string, unknown>>, names: [...names] }; // to look at by name
}

/** package.json, as far as it is looked at. */
async function manifest() {
  return JSON.parse(await readFile(join(repository, "package.json"), "utf8")) as {
    readonly version: string;
    readonly scripts: Readonly<Record<string, string>>;
  };
}

/** Whether what a reader is told to install, such as `@bufbuild/buf@1.74`, is what is installed here. */
async function expectInstalled(wanted: string): Promise<void> {
  const [, name = "", version = ""] = /^(@?[^@]+)(?:@(.+))?$/.exec(wanted) ?? [];
  const installed = JSON.parse(await readFile(join(repository, "node_modules", name, "package.json"), "utf8"));
  expect(`${installed.version}.`, wanted).toMatch(new RegExp(`^${version.replaceAll(".", "\\.")}`));
}

async function write(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}
