import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { findProgram } from "../peers/programs.ts";
import { buildGoProgram } from "./go-program.ts";

const go = findProgram("go");

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "portico-go-"));
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

describe.skipIf(go === undefined)(`building a Go program${go === undefined ? " (no Go here)" : ""}`, () => {
  test("says in a few words that a module cannot be fetched", async () => {
    const zeros = `h1:${"A".repeat(43)}=`;
    await write({
      "go.mod": "module portico.invalid/main\n\ngo 1.24\n\nrequire portico.invalid/other v1.0.0\n",
      "go.sum": `portico.invalid/other v1.0.0 ${zeros}\nportico.invalid/other v1.0.0/go.mod ${zeros}\n`,
      "main.go": 'package main\n\nimport _ "portico.invalid/other"\n\nfunc main() {}\n',
    });
    vi.stubEnv("GOPROXY", "http://127.0.0.1:1");
    expect(await buildGoProgram({ name: "go-program-spec", folder })).toEqual({ lacks: "no module proxy to reach" });
  });

  test("fails with the compiler's own words", async () => {
    await write({
      "go.mod": "module portico.invalid/main\n\ngo 1.24\n",
      "main.go": "package main\n\nfunc main() { missing() }\n",
    });
    const building = buildGoProgram({ name: "go-program-spec", folder });
    await expect(building).rejects.toThrow("main.go:3:15: undefined: missing");
  });
});

async function write(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
}
