import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { startProcess } from "../support/service-process.ts";
import { expectAllWell } from "./outcomes.ts";
import { CACHE, findProgram, runProgram } from "./programs.ts";

const GRPCIO = "grpcio==1.66.2";
const python = findProgram("python3");
const VENV = join(CACHE, "python");
const INSTALL_MS = 120_000;

/** A Python that has grpcio, installed once; a sentence on what it lacks otherwise. */
async function pythonWithGrpcio(): Promise<{ readonly path: string } | { readonly lacks: string }> {
  const path = join(VENV, "bin/python");
  const version = "import importlib.metadata as m; print('grpcio==' + m.version('grpcio'))";
  const has = () =>
    runProgram(path, ["-c", version]).then(
      ({ stdout }) => stdout.trim() === GRPCIO,
      () => false,
    );
  if (await has()) return { path };
  await mkdir(CACHE, { recursive: true });
  const made = await runProgram(python ?? "", ["-m", "venv", "--clear", VENV], { timeoutMs: INSTALL_MS });
  if (made.exit !== 0) return { lacks: "python3 has no venv" };
  const only = ["--only-binary=:all:", "--disable-pip-version-check", "--retries=1"]; // compiling it takes far too long
  const installed = await runProgram(path, ["-m", "pip", "install", ...only, GRPCIO], { timeoutMs: INSTALL_MS });
  return installed.exit === 0 && (await has()) ? { path } : { lacks: `pip cannot install ${GRPCIO}` };
}

describe.skipIf(python === undefined)(`grpcio${python === undefined ? " (no Python here)" : ""}`, () => {
  test("has every kind of call", { timeout: 2 * INSTALL_MS + 60_000 }, async (context) => {
    const found = await pythonWithGrpcio();
    if ("lacks" in found) return context.skip(found.lacks);
    await using service = startProcess("test/peers/main.ts");
    const program = join(import.meta.dirname, "python/peer.py");
    await expectAllWell(service, await runProgram(found.path, [program, new URL(await service.url()).host]));
    expect(service.stderr()).toBe("");
  });
});
