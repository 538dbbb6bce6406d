import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createChannel, createClient, withDomainTypes } from "portico";
import { afterEach, beforeEach, expect, test } from "vitest";
import { HistoryService } from "../../gen/name/v1/history_domain.js";
import { NameService } from "../../gen/name/v1/name_pb.js";
import { NAME, startProcess } from "../support/service-process.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "portico-history-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const CALLERS = 16;
const CALLS_BEFORE_THE_STOP = 2_000;

/** Calls the service until it stops; the names that were answered. */
async function callUntilStopped(url: string, onAnswer: (count: number) => void): Promise<ReadonlySet<string>> {
  await using channel = createChannel(url, { retry: false });
  const names = createClient(NameService, channel);
  const answered = new Set<string>();
  await Promise.all(
    Array.from({ length: CALLERS }, async (_, caller) => {
      for (let call = 0; ; call++) {
        const name = `caller ${caller} call ${call}`;
        try {
          await names.processName({ name });
        } catch {
          return; // the service has stopped
        }
        onAnswer(answered.add(name).size);
      }
    }),
  );
  return answered;
}

test("SIGTERM under load loses nothing that was answered", async () => {
  const env = { DATA_DIR: join(folder, "made", "by the service") };
  let answered: ReadonlySet<string>;
  {
    await using service = startProcess(NAME, env);
    let stopped: Promise<number | string> | undefined;
    answered = await callUntilStopped(await service.url(), (count) => {
      if (count === CALLS_BEFORE_THE_STOP) stopped = service.stop("SIGTERM");
    });
    expect(await stopped).toBe(0);
    expect(service.stderr()).toBe("");
    expect(service.logs().filter(({ levelname }) => levelname !== "INFO")).toEqual([]);
  }
  await using service = startProcess(NAME, env);
  await using channel = createChannel(await service.url());
  const history = createClient(withDomainTypes(HistoryService), channel);
  const kept: string[] = [];
  for await (const { entries } of history.listEntries({ pageSize: 1000 })) {
    kept.push(...entries.map(({ name }) => name));
  }
  expect(answered.size).toBeGreaterThanOrEqual(CALLS_BEFORE_THE_STOP);
  expect([...answered].filter((name) => !new Set(kept).has(name))).toEqual([]);
  expect(new Set(kept).size).toBe(kept.length); // each once
});

test("a DATA_DIR that cannot be used is one line, and exit 1", async () => {
  const file = join(folder, "a file");
  await writeFile(file, "");
  await using service = startProcess(NAME, { DATA_DIR: file });
  expect(await service.exit).toBe(1);
  expect(service.stderr()).toMatch(/^name cannot start: .*DATA_DIR=".*a file".*\n$/);
});

test("a MONGODB_URL that cannot be used is one line without the password, and exit 1", async () => {
  await using service = startProcess(NAME, { MONGODB_URL: "mongodb://ada:a-secret@:bad port/x?a=b" });
  expect(await service.exit).toBe(1);
  expect(service.stderr()).toMatch(/^name cannot start: .*MONGODB_URL.*\n$/);
  expect(service.stderr() + service.stdout()).not.toContain("a-secret");
});
