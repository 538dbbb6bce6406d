import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runBuf } from "../tools/buf.ts";
import { copyRepository, type RepositoryCopy, repository } from "./commands/repository-copy.ts";
import { answers, cleanEnvironment, type Running, run, start } from "./packaging/process.ts";
import { PYTHON_INSTALL_MS, preparePython } from "./peers/python.ts";
import {
  allowedIn,
  isJsonAsSaid,
  type Outcome,
  pairingsOf,
  programOf,
  schemaOf,
  wrongSchemaOf,
} from "./readme/domain-table.ts";
import { codeIn, tableIn } from "./readme/fences.ts";
import { brokenLinks } from "./readme/links.ts";
import { freePorts, type Ports } from "./readme/ports.ts";
import { expectShown, runShell } from "./readme/shell.ts";
import { claimsOn, isFile, titleOf } from "./readme/shown.ts";

// Everything that docs/domain-types.md shows is run here as it is shown, as readme.spec.ts does it with the other documents;
// what it shows for a repository of one's own is package.spec.ts's.

const PAGE = "docs/domain-types.md";
const RECEIPTS = 8083;
const NODE = [process.execPath, "--conditions=portico-source"] as const;

const { claim, unclaimed } = await claimsOn([PAGE]);
const pairings = pairingsOf(tableIn(await readFile(join(repository, PAGE), "utf8"), "types"));

let ports: Ports;
let copy: RepositoryCopy;
let service: Running;

const files = claim((fence) => ["proto/", "src/services/", "receipt.py"].some((path) => isFile(fence, path)));
const programs = claim((fence) => isFile(fence, "src/snippets/"));
const TABLE_PROGRAM = "src/table/rows.ts";

beforeAll(async () => {
  ports = await freePorts(RECEIPTS);
  copy = await copyRepository();
  for (const { argument, text } of [...files, ...programs]) await write(argument, `${text}\n`);
  await write("biome.json", await readFile(join(repository, "biome.json"), "utf8"));
  await write("proto/rows/v1/rows.proto", schemaOf(pairings));
  await write(TABLE_PROGRAM, programOf(pairings));
  await inCopy("npm", "run", "--silent", "gen");
  const program =
    'import { run } from "portico"; import { service } from "./src/services/receipts/service.ts"; await run(service);';
  const command = [...NODE, "--input-type=module-typescript", "--eval", program] as const;
  service = start(command, { cwd: copy.folder, env: { PORT: String(ports.of(RECEIPTS)) } });
  await service.until(() => answers(`${ports.url(RECEIPTS)}/readyz`));
});

afterAll(async () => {
  await service?.[Symbol.asyncDispose]();
  await copy?.[Symbol.asyncDispose]();
});

async function write(path: string, text: string): Promise<void> {
  const target = join(copy.folder, path);
  await mkdir(dirname(target), { recursive: true });
  await writeFile(target, text);
}

/** Runs a command in the copy of the repository, and gives what it prints. */
function inCopy(...command: readonly [string, ...string[]]): Promise<string> {
  return run(command, { cwd: copy.folder, env: cleanEnvironment() });
}

describe("the files", () => {
  test("pass the compiler, the linter and buf", async () => {
    const shown = ["src/services/receipts", "src/snippets"];
    const include = [...shown, dirname(TABLE_PROGRAM)];
    await write("tsconfig.shown.json", JSON.stringify({ extends: "./tsconfig.json", include }));
    await inCopy("npx", "tsc", "-p", "tsconfig.shown.json");
    await inCopy("npx", "biome", "check", "--vcs-enabled=false", "--error-on-warnings", ...shown);
    const schemas = files.filter(({ language }) => language === "proto").map(({ argument }) => argument);
    expect(schemas).toHaveLength(1);
    for (const schema of schemas) {
      await inCopy("npx", "buf", "lint", "--path", schema);
      await inCopy("npx", "buf", "format", schema, "-d", "--exit-code");
    }
  });

  for (const fence of claim((fence) => isFile(fence, "orders/"))) {
    test(titleOf(fence), async () => {
      const setup = await readFile(join(import.meta.dirname, "packaging/orders-project.ts"), "utf8");
      expect(setup).toContain(`"${PAGE}"`);
      expect(setup).toContain("file.replace(/^orders\\//, "); // all of its files are put there
    });
  }
});

describe("the calls", () => {
  for (const fence of claim(({ kind }) => kind === "calls")) {
    test(titleOf(fence), (context) => runShell(fence, copy.folder, ports, context));
  }

  for (const fence of claim(({ kind }) => kind === "python")) {
    test(titleOf(fence), { timeout: PYTHON_INSTALL_MS }, async (context) => {
      const python = await preparePython();
      if ("lacks" in python) return context.skip(python.lacks);
      const env = cleanEnvironment();
      const PATH = [python.folder, env["PATH"]].join(delimiter);
      for (const { argument, text } of files.filter(({ language }) => language === "py")) {
        await write(argument, ports.toUsed(text));
      }
      await runShell(fence, copy.folder, ports, context, { ...env, PATH });
    });
  }

  for (const fence of programs) {
    test(titleOf(fence), async () => {
      await write(fence.argument, ports.toUsed(fence.text));
      expectShown(await inCopy(...NODE, fence.argument), fence, ports);
    });
  }
});

describe("the table", () => {
  test("says what is given and read, and how it is written in JSON", async () => {
    const printed = await inCopy(...NODE, TABLE_PROGRAM);
    const outcomes = JSON.parse(printed) as readonly (readonly Outcome[])[]; // the program's own shape
    expect(outcomes).toHaveLength(pairings.length);
    for (const [at, { read, subtype, given, json }] of pairings.entries()) {
      expect(outcomes[at]).toHaveLength(given.length);
      for (const outcome of outcomes[at] ?? []) {
        // A UUID is a Binary too: the table says so only of what is given.
        expect(outcome).toMatchObject({ read, ...(subtype !== undefined && { subtype }) });
        expect(isJsonAsSaid(outcome.json.value, json), `${outcome.json.value} is ${json}`).toBe(true);
      }
    }
  });

  test("has every pairing that there is: all others are errors, by their lines", async () => {
    const { text, complaints } = wrongSchemaOf(pairings);
    await write("proto/wrong/v1/wrong.proto", text);
    const { isSuccess, output } = await runBuf(copy.folder, ["generate", "--path", "proto/wrong", "--output", "wrong"]);
    await rm(join(copy.folder, "proto/wrong"), { recursive: true });
    expect(isSuccess).toBe(false);
    const said = [...output.matchAll(/^wrong\/v1\/wrong\.proto:(\d+):\d+: wrong\.v1\.Wrong\.field_\d+(: .*)$/gm)];
    expect(said.map(([, line, problem]) => `${line}${problem}`)).toEqual(complaints);
  });

  test("says what the comments of portico/types/v1/types.proto say", async () => {
    const schema = await readFile(join(repository, "proto/portico/types/v1/types.proto"), "utf8");
    const [, values = ""] = /enum DomainType \{\n(.*?)\n\}/s.exec(schema) ?? [];
    const documented = [...values.matchAll(/((?: +\/\/ .*\n)+) +(\w+) = [1-9]\d*;/g)].map(
      ([, comment = "", name]) => [name, codeIn(comment)] as const,
    );
    expect(documented).toEqual([...allowedIn(pairings)]);
  });
});

test("the links lead somewhere", async () => {
  expect(await brokenLinks(PAGE)).toEqual([]);
});

test("every block is run by one of the tests above", () => {
  expect(unclaimed()).toEqual([]);
});
