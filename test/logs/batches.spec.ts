import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { defineService } from "portico";
import { expect, test } from "vitest";
import { startService } from "../../src/service/start.ts";
import { startProcess } from "../support/service-process.ts";
import { until } from "../support/until.ts";

// Lines are written in batches: that must be seen nowhere but in what it costs.

const TALKING = "test/logs/fixtures/talking.ts";

function numbered(count: number): readonly string[] {
  return Array.from({ length: count }, (_, line) => `line ${line}`);
}

/** The lines that the fixture numbers, in the order in which they came. */
function numberedOf(stdout: string): readonly string[] {
  return stdout.match(/line \d+(?="\}\n)/g) ?? [];
}

test("lines of all loggers and levels come in the order in which they were logged, the access line last", async () => {
  await using service = startProcess(TALKING);
  await fetch(`${await service.url()}/lines?count=3000`);
  await until(() => service.stdout().includes("talking.access"));
  expect(numberedOf(service.stdout())).toEqual(numbered(3000));
  expect(service.logs().at(-1)).toMatchObject({
    name: "talking.access",
    first_request_line: "GET /lines?count=3000 HTTP/1.1",
  });
});

test("a line is there without another one after it", async () => {
  await using service = startProcess(TALKING);
  const answer = fetch(`${await service.url()}/hang`).catch(() => undefined);
  await until(() => service.stdout().includes("hanging"));
  service.child.kill("SIGKILL");
  await answer;
});

test("a reader that does not read delays no answer, and then has every line", async () => {
  await using service = startProcess(TALKING);
  const url = await service.url();
  service.child.stdout.pause();
  for (let call = 0; call < 2; call++) expect((await fetch(`${url}/lines?count=3000`)).status).toBe(200);
  service.child.stdout.resume();
  await until(() => numberedOf(service.stdout()).length === 6000);
  expect(numberedOf(service.stdout())).toEqual([...numbered(3000), ...numbered(3000)]);
});

test("more lines than are held wait for the reader, and none is lost", async () => {
  await using service = startProcess(TALKING);
  const url = await service.url();
  service.child.stdout.pause();
  let isAnswered = false;
  const answer = fetch(`${url}/lines?count=30000`).then(() => {
    isAnswered = true;
  });
  // The reader's buffers fill, and then nothing moves: 4 MB of lines, of which 1 MiB is held.
  await until(() => service.child.stdout.readableLength > 0);
  expect(isAnswered).toBe(false);
  service.child.stdout.resume();
  await answer;
  await until(() => numberedOf(service.stdout()).length === 30_000);
  expect(numberedOf(service.stdout())).toEqual(numbered(30_000));
});

test("a drain has its last line written, whatever its process does then", async () => {
  const seen: string[] = [];
  const service = await startService(defineService({ name: "drained" }), {
    env: { HOST: "127.0.0.1", PORT: "0" },
    destination: { write: (line) => void seen.push(JSON.parse(line).message), flush: () => void seen.push("flush") },
    terminal: false,
  });
  await service.stop();
  expect(seen.slice(-2)).toEqual(["action=stop, status=success", "flush"]);
});

test("what was logged right before process.exit is there", async () => {
  await using service = startProcess(TALKING);
  await fetch(`${await service.url()}/exit`).catch(() => undefined);
  expect(await service.exit).toBe(7);
  expect(service.logs().at(-1)?.message).toBe("last words");
});

test("what was logged right before an exception that nobody catches is there, and all of the drain after it", async () => {
  await using service = startProcess(TALKING);
  await fetch(`${await service.url()}/throw`);
  expect(await service.exit).toBe(1);
  const messages = service.logs().map(({ message }) => message);
  expect(messages.slice(messages.indexOf("last words"))).toEqual([
    "last words",
    "an exception was not caught; the process stops",
    "action=stop, status=draining",
    "action=stop, status=success",
  ]);
});

test("what was logged right before a second signal ends the process is there", async () => {
  await using service = startProcess(TALKING);
  const hanging = fetch(`${await service.url()}/hang`).catch(() => undefined);
  await until(() => service.stdout().includes("hanging"));
  service.child.kill("SIGINT");
  await until(() => service.stdout().includes("draining"));
  const firstAt = performance.now();
  await until(() => performance.now() - firstAt > 1050); // nothing to wait for but the second itself
  expect(await service.stop("SIGINT")).toBe(1);
  expect(service.logs().filter(({ message }) => message === "last words")).toHaveLength(2);
  expect(service.logs().at(-1)?.message).toBe("last words");
  await hanging;
});

test.each([
  ["a pipe", "| cat"],
  ["a file", "> lines; cat lines"],
])("what a service logged that does not start is there, in %s", async (_, sink) => {
  const directory = mkdtempSync(join(tmpdir(), "portico-log-"));
  try {
    const main = join(import.meta.dirname, "fixtures/talking.ts");
    const command = `cd '${directory}'; '${process.execPath}' --conditions=portico-source '${main}' ${sink}`;
    const { stdout, stderr } = await promisify(execFile)("sh", ["-c", command], {
      env: { PATH: process.env["PATH"] ?? "", START_LINES: "20000", FAILS: "true" },
      maxBuffer: 2 ** 26,
    });
    expect(numberedOf(stdout)).toEqual(numbered(20_000));
    expect(stderr).toContain("talking cannot start: Error: it does not start");
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("a reader that leaves takes nothing with it but the log", async () => {
  await using service = startProcess(TALKING);
  const url = await service.url();
  service.child.stdout.destroy();
  for (let call = 0; call < 3; call++) expect((await fetch(`${url}/lines?count=3000`)).status).toBe(200);
  expect(await service.stop()).toBe(0);
  expect(service.stderr()).toBe("");
});
