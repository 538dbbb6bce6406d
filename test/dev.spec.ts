import { readFile, utimes } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { copyRepository, type RepositoryCopy } from "./commands/repository-copy.ts";
import { openTerminal, type Terminal } from "./commands/terminal.ts";
import { freePort } from "./packaging/process.ts";
import { until } from "./support/until.ts";

/** One `npm run dev` goes through a day of changes: each test leaves the sources whole and the services running. */
describe("npm run dev", () => {
  let copy: RepositoryCopy;
  let terminal: Terminal;
  let greeterUrl: string;

  beforeAll(async () => {
    copy = await copyRepository();
    const [name, greeter] = await Promise.all([freePort(), freePort()]);
    greeterUrl = `http://localhost:${greeter}`;
    terminal = openTerminal("npm run dev", copy.folder, {
      NAME_PORT: String(name),
      GREETER_PORT: String(greeter),
      LOG_FORMAT: "json",
    });
    await terminal.shows("Ctrl-C stops it.");
  });

  afterAll(async () => {
    await terminal?.[Symbol.asyncDispose]();
    await copy?.[Symbol.asyncDispose]();
  });

  /** A service that was restarted is connected to again within a second: until then greeter is unavailable. */
  async function greet(): Promise<string> {
    return until(async () => {
      const response = await fetch(`${greeterUrl}/api/v1/say-hello?name=test`, { headers: { connection: "close" } });
      return response.status === 503 ? undefined : response.text();
    });
  }

  /** The process ids of the services. */
  async function services(): Promise<{ readonly name: number | undefined; readonly greeter: number | undefined }> {
    const processes = await terminal.processes();
    const of = (service: string) => processes.find(({ command }) => command.includes(`/${service}/main.ts`))?.pid;
    return { name: of("name"), greeter: of("greeter") };
  }

  /** Makes a change and waits for what dev says after it. */
  async function reaction(change: () => Promise<unknown>, saying: string): Promise<string> {
    const from = terminal.output().length;
    await change();
    await terminal.shows(saying, from);
    return terminal.output().slice(from);
  }

  async function touch(file: string): Promise<void> {
    const now = new Date();
    await utimes(join(copy.folder, file), now, now);
  }

  test("restarts the service whose source changed, and no other", async () => {
    const before = await services();
    await reaction(() => touch("src/services/greeter/service.ts"), "Restarted greeter in");
    const now = await services();
    expect(now.name).toBe(before.name);
    expect(now.greeter).not.toBe(before.greeter);
    expect(await greet()).toBe('"Hello, TEST!"');
  });

  test("runs the new source", async () => {
    const file = "src/services/name/process-name.ts";
    await reaction(() => copy.edit(file, "toUpperCase()", "toLowerCase()"), "Restarted name in");
    expect(await greet()).toBe('"Hello, test!"');
    await reaction(() => copy.edit(file, "toLowerCase()", "toUpperCase()"), "Restarted name in");
    expect(await greet()).toBe('"Hello, TEST!"');
  });

  test("restarts every service when what they share changes", async () => {
    const before = await services();
    await reaction(() => touch("src/index.ts"), "Restarted name, greeter in");
    const now = await services();
    expect(now.name).not.toBe(before.name);
    expect(now.greeter).not.toBe(before.greeter);
  });

  test("does not restart for a test", async () => {
    // The second change is seen after the first, and alone.
    await copy.add("src/services/name/new.spec.ts", "// A test.\n");
    const said = await reaction(() => touch("src/services/greeter/service.ts"), "Restarted greeter in");
    expect(said).toContain("Changed: src/services/greeter/service.ts.");
  });

  test("generates first when the schema changes, and restarts once", async () => {
    const said = await reaction(
      () => copy.edit("proto/name/v1/name.proto", "// A name to process.", "// The name to process."),
      "Restarted name, greeter in",
    );
    const generated = await readFile(join(copy.folder, "gen/name/v1/name_pb.d.ts"), "utf8");
    expect(generated).toContain("* The name to process.");
    expect(said.indexOf("Generated gen/ anew.")).toBeGreaterThan(said.indexOf("Changed: proto/name/v1/name.proto."));
    // The generated files changed too; a restart for those would come before this one.
    const next = await reaction(() => touch("src/services/greeter/service.ts"), "Restarted greeter in");
    expect(next.match(/Restarted/g)).toHaveLength(1);
    expect(await greet()).toBe('"Hello, TEST!"');
  });

  test("shows file and line of a broken schema, and keeps what runs", async () => {
    const before = await services();
    const said = await reaction(() => copy.add("proto/name/v1/name.proto", "message Broken {"), "unmatched");
    expect(said).toMatch(/^proto\/name\/v1\/name\.proto:\d+:\d+:/m);
    expect(await greet()).toBe('"Hello, TEST!"');
    expect(await services()).toEqual(before);
    await reaction(() => copy.edit("proto/name/v1/name.proto", "message Broken {", ""), "Restarted name, greeter in");
  });

  test("shows file and line of an option that does not fit its field, and keeps what runs", async () => {
    const before = await services();
    const file = "proto/name/v1/history.proto";
    const said = await reaction(() => copy.edit(file, "bytes instance", "int32 instance"), "this field is int32");
    expect(said).toMatch(/^name\/v1\/history\.proto:\d+:\d+: name\.v1\.Entry\.instance: as = UUID is for /m);
    expect(await greet()).toBe('"Hello, TEST!"');
    expect(await services()).toEqual(before);
    await reaction(() => copy.edit(file, "int32 instance", "bytes instance"), "Restarted name, greeter in");
  });

  test("shows file and line of a source that does not load, and keeps what runs", async () => {
    const before = await services();
    const said = await reaction(() => copy.add("src/index.ts", "const broken: = 1;\n"), "what runs goes on");
    await terminal.shows("SyntaxError", terminal.output().length - said.length);
    expect(terminal.output()).toMatch(/src\/index\.ts:\d+/);
    expect(await greet()).toBe('"Hello, TEST!"');
    expect(await services()).toEqual(before);
    await reaction(() => copy.edit("src/index.ts", "const broken: = 1;\n", ""), "Restarted name, greeter in");
  });

  test("starts a service again that failed, at the next change", async () => {
    const main = "src/services/name/main.ts";
    await reaction(() => copy.add(main, 'throw new Error("not today");\n'), "name exited with code 1");
    expect(terminal.output()).toContain("not today");
    await reaction(() => copy.edit(main, 'throw new Error("not today");\n', ""), "Restarted name in");
    await terminal.until(async () => (await greet()) === '"Hello, TEST!"');
  });

  test("stops everything in order at Ctrl-C", async () => {
    const from = terminal.output().length;
    terminal.pressCtrlC();
    terminal.pressCtrlC();
    expect(await terminal.end()).toBe(0);
    expect(await terminal.processes()).toEqual([]);
    const stops = terminal
      .output()
      .slice(from)
      .match(/"name":"(name|greeter)","message":"action=stop, status=success"/g);
    expect(stops).toEqual([expect.stringContaining("greeter"), expect.stringContaining('"name":"name"')]);
  });
});
