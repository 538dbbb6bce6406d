import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runBuf } from "../tools/buf.ts";

const repository = join(import.meta.dirname, "..");

/** The suites with a schema of their own, which `npm run gen:check` does not know. */
const SUITES = ["behaviour", "differential", "faults", "logs", "types"];

test.each(SUITES)("test/%s/gen is what the suite's schema gives, and buf lint minds nothing in it", async (suite) => {
  const folder = join(import.meta.dirname, suite);
  const fresh = await mkdtemp(join(tmpdir(), "portico-generated-"));
  try {
    const generated = await runBuf(repository, ["generate", "--output", fresh], folder);
    expect(generated).toMatchObject({ isSuccess: true });
    expect(await contents(join(folder, "gen")), `run npx buf generate in test/${suite}`).toEqual(
      await contents(join(fresh, "gen")),
    );
    expect(await runBuf(repository, ["lint"], folder)).toEqual({ isSuccess: true, output: "" });
  } finally {
    await rm(fresh, { recursive: true });
  }
});

async function contents(folder: string): Promise<Readonly<Record<string, string>>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const texts = files.map(async (file) => [file.slice(folder.length), await readFile(file, "utf8")] as const);
  return Object.fromEntries(await Promise.all(texts));
}
