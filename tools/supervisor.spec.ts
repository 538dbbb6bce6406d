import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { copyRepository } from "../test/commands/repository-copy.ts";
import { bareEnvironment, freePort } from "../test/packaging/process.ts";
import { createSupervisor } from "./supervisor.ts";

const storeless = `
import { defineService, run } from "portico";
await run(defineService({ name: "storeless", resources: ({ condition }) => condition("store").fail("not there") }));
`;

test("a service that lacks something has started, and what it lacks is reported", async () => {
  await using copy = await copyRepository();
  await mkdir(join(copy.folder, "src/services/storeless"));
  await copy.add("src/services/storeless/main.ts", storeless);
  const reports: string[] = [];
  const report = (line: string) => void reports.push(line);
  const supervisor = createSupervisor({ root: copy.folder, report, onDeath: (name, how) => report(`${name} ${how}`) });
  const port = await freePort();
  const url = `http://localhost:${port}`;
  const failure = await supervisor.start({
    service: { name: "storeless", folder: "storeless", port, calls: [], rank: 0 },
    env: { ...bareEnvironment(), PORT: String(port), LOG_LEVEL: "silent" },
    host: undefined,
    port,
    url,
    tls: undefined,
  });
  expect(failure).toBeUndefined();
  expect(reports).toEqual([`storeless runs, but is not ready (${url}/readyz): store. Its log says why.`]);
  expect(supervisor.running()).toEqual(["storeless"]);
  expect(await supervisor.stop()).toBe(true);
});
