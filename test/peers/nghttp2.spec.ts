import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ServiceProcess, startProcess } from "../support/service-process.ts";
import { findProgram, noteOn, runProgram } from "./programs.ts";

const nghttp = findProgram("nghttp");
const h2load = findProgram("h2load");
const MIB = 1024 * 1024;

let service: ServiceProcess;
let url: string;
let folder: string;
let body: string;
beforeAll(async () => {
  service = startProcess("test/peers/main.ts");
  url = await service.url();
  folder = await mkdtemp(join(tmpdir(), "portico-peers-"));
  body = join(folder, "body");
  await writeFile(body, Buffer.alloc(MIB, "0123456789"));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
  await service[Symbol.asyncDispose]();
});

describe.skipIf(nghttp === undefined)(`${noteOn("nghttp", nghttp)}`, () => {
  const ask = async (...args: readonly string[]) => {
    const ran = await runProgram(nghttp ?? "", ["--timeout=20", ...args]);
    expect(ran.exit, ran.stderr).toBe(0);
    expect(ran.stdout).not.toMatch(/RST_STREAM|INVALID|Some requests were not processed/);
    return ran.stdout;
  };
  const statuses = (output: string) => [...output.matchAll(/:status: (\d+)/g)].map(([, status]) => status);

  test("several requests at once, with priorities and a settled connection", async () => {
    const output = await ask("--verbose", "--null-out", `${url}/a`, `${url}/b`, `${url}/c`);
    expect(statuses(output)).toEqual(["200", "200", "200"]);
    expect(output).toMatch(/recv SETTINGS frame <length=0, flags=0x01/); // ours are acknowledged
  });

  test.each([
    ["padded frames", ["--padding=255"]],
    ["heads in CONTINUATION frames", ["--continuation"]],
    ["both", ["--padding=100", "--continuation"]],
    ["a header table that it does not have", ["--header-table-size=0"]],
    ["a small header table", ["--header-table-size=64"]],
    ["a header table that shrinks and grows", ["--header-table-size=0", "--header-table-size=4096"]],
    ["an upgrade of the weight", ["--weight=256"]],
  ])("%s, on many streams", async (_what, args) => {
    const output = await ask("--verbose", "--null-out", "--multiply=20", ...args, `${url}/a`);
    expect(statuses(output)).toEqual(Array.from({ length: 20 }, () => "200"));
  });

  test("an upload in padded frames", async () => {
    expect(await ask("--padding=255", `--data=${body}`, `${url}/upload`)).toContain(`"bytes":${MIB}`);
  });

  test.each([
    ["on the stream", ["--window-bits=1"]],
    ["on the connection", ["--connection-window-bits=16"]],
    ["on both", ["--window-bits=1", "--connection-window-bits=16"]],
  ])("a download through a window of next to nothing, %s", async (_what, args) => {
    const output = await ask(...args, `${url}/download?bytes=500`);
    expect(output).toBe("x".repeat(500));
  });

  test("a download with the largest windows", async () => {
    const output = await ask("--window-bits=30", "--connection-window-bits=30", `${url}/download?bytes=${8 * MIB}`);
    expect(output.length).toBe(8 * MIB);
  });

  test("trailers of its own", async () => {
    const output = await ask("--verbose", "--trailer=x-sum: 1", `--data=${body}`, `${url}/upload`);
    expect(statuses(output)).toEqual(["200"]);
    expect(output).toContain(`"bytes":${MIB}`);
  });

  test("100 Continue", async () => {
    const output = await ask("--verbose", "--expect-continue", `--data=${body}`, `${url}/upload`);
    expect(statuses(output)).toEqual(["100", "200"]);
  });
});

describe.skipIf(h2load === undefined)(`${noteOn("h2load", h2load)}`, () => {
  const load = async (...args: readonly string[]) => {
    const ran = await runProgram(h2load ?? "", ["--threads=1", ...args]);
    expect(ran.exit, ran.stderr).toBe(0);
    return ran.stdout;
  };
  const every = (count: number) =>
    `${count} total, ${count} started, ${count} done, ${count} succeeded, 0 failed, 0 errored, 0 timeout`;

  test.each([
    ["one connection of 100 streams", ["--clients=1", "--max-concurrent-streams=100"]],
    ["50 connections of 10 streams", ["--clients=50", "--max-concurrent-streams=10"]],
    ["small windows", ["--clients=4", "--max-concurrent-streams=16", "--window-bits=8", "--connection-window-bits=16"]],
    ["no header table", ["--clients=4", "--max-concurrent-streams=16", "--header-table-size=0"]],
  ])("5,000 requests, all with 2xx: %s", async (_what, args) => {
    const output = await load("--requests=5000", ...args, `${url}/a`);
    expect(output).toContain(every(5000));
    expect(output).toContain("status codes: 5000 2xx, 0 3xx, 0 4xx, 0 5xx");
  });

  test("200 uploads of 1 MiB, all with 2xx", async () => {
    const output = await load(
      "--requests=200",
      "--clients=4",
      "--max-concurrent-streams=8",
      `--data=${body}`,
      `${url}/a`,
    );
    expect(output).toContain(every(200));
    expect(output).toContain("status codes: 200 2xx");
  });
});
