import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runBuf } from "../../tools/buf.ts";

const repository = join(import.meta.dirname, "../..");

test("gen/ is what the suite's own schema gives, and the schema has nothing that buf lint minds", async () => {
  const fresh = await mkdtemp(join(tmpdir(), "portico-behaviour-"));
  try {
    const generated = await runBuf(repository, ["generate", "--output", fresh], import.meta.dirname);
    expect(generated).toMatchObject({ isSuccess: true });
    expect(await contents(join(import.meta.dirname, "gen")), "run `npx buf generate` in test/behaviour").toEqual(
      await contents(join(fresh, "gen")),
    );
    expect(await runBuf(repository, ["lint"], import.meta.dirname)).toEqual({ isSuccess: true, output: "" });
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
