import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runBuf } from "../../tools/buf.ts";
import { copyRepository, type RepositoryCopy, repository } from "../commands/repository-copy.ts";
import { loadGenerated } from "./load-generated.ts";
import { messagesOf } from "./message-arbitrary.ts";

/** The schema of these tests as TypeScript, beside what it needs of the repository. */
describe("code in TypeScript", () => {
  let copy: RepositoryCopy;
  let folder: string;

  beforeAll(async () => {
    copy = await copyRepository();
    folder = join(copy.folder, "test/types");
    for (const part of ["proto", "buf.yaml"]) {
      await cp(join(import.meta.dirname, part), join(folder, part), { recursive: true, dereference: true });
    }
    const template = await readFile(join(import.meta.dirname, "buf.gen.yaml"), "utf8");
    // TypeScript's own enums are no code that is only to be erased.
    const [es = "", portico = ""] = template.split(/(?=^ {2}- local: \[node)/m);
    const asTypeScript = (plugin: string) => plugin.replace("target=js+dts", "target=ts").replace("=js", "=ts");
    await writeFile(
      join(folder, "buf.gen.yaml"),
      `${asTypeScript(es).trimEnd()}\n      - erasable_syntax=true\n${asTypeScript(portico)}`,
    );
    await writeFile(
      join(folder, "tsconfig.json"),
      JSON.stringify({ extends: "../../tsconfig.json", include: ["gen"] }),
    );
    expect(await runBuf(repository, ["generate"], folder)).toEqual({ isSuccess: true, output: "" });
  });

  afterAll(() => copy?.[Symbol.asyncDispose]());

  test("compiles under the repository's own settings", async () => {
    const files = await readdir(join(folder, "gen"), { recursive: true });
    expect(files.filter((file) => file.endsWith("_domain.ts"))).toHaveLength(9);
    expect(await compile(["-p", folder])).toEqual([]);
  });

  test("does the same as code in JavaScript", async () => {
    const [inJavaScript, inTypeScript] = await Promise.all([
      loadGenerated(join(import.meta.dirname, "gen"), "js"),
      loadGenerated(join(folder, "gen"), "ts"),
    ]);
    const byName = new Map(inTypeScript.messages.map((message) => [message.schema.typeName, message.type]));
    for (const { schema, type } of inJavaScript.messages) {
      const other = byName.get(schema.typeName);
      expect(other === undefined).toBe(type === undefined);
      if (type === undefined || other === undefined) continue;
      fc.assert(
        fc.property(messagesOf(schema), (message) => {
          const value = type.fromMessage(message);
          expect(other.fromMessage(message)).toEqual(value);
          expect(toBinary(schema, other.toMessage(value))).toEqual(toBinary(schema, message));
        }),
        { numRuns: 20 },
      );
    }
    const shapesOf = (services: typeof inJavaScript.services) =>
      services.map(({ desc, methods }) => [
        desc.typeName,
        Object.entries(methods).map(([name, sides]) => [name, Object.keys(sides)]),
      ]);
    expect(shapesOf(inTypeScript.services)).toEqual(shapesOf(inJavaScript.services));
  });
});

test("declarations of code in JavaScript are whole, also where nobody skips those of libraries", async () => {
  const folder = await mkdtemp(join(tmpdir(), "portico-declarations-"));
  try {
    const settings = {
      extends: join(repository, "tsconfig.json"),
      compilerOptions: { skipLibCheck: false, typeRoots: [join(repository, "node_modules/@types")] },
      include: ["gen", "test/types/gen"].map((below) => join(repository, below, "**/*.d.ts")),
    };
    await writeFile(join(folder, "tsconfig.json"), JSON.stringify(settings));
    const files = (await compile(["-p", folder, "--listFilesOnly"])).filter((file) => file.endsWith("_domain.d.ts"));
    expect(files.length).toBeGreaterThanOrEqual(10);
    const complaints = await compile(["-p", folder]);
    expect(complaints.filter((line) => /^(?:test\/types\/)?gen\//.test(line))).toEqual([]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

/** What tsc complains of. */
async function compile(args: readonly string[]): Promise<readonly string[]> {
  const tsc = spawn(join(repository, "node_modules/.bin/tsc"), ["--noEmit", ...args], { cwd: repository });
  const [output, errors] = await Promise.all([text(tsc.stdout), text(tsc.stderr), once(tsc, "close")]);
  return `${output}${errors}`.split("\n").filter((line) => line !== "");
}
