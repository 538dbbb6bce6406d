import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { startProcess } from "../support/service-process.ts";
import { expectAllWell } from "./outcomes.ts";
import { CACHE, findProgram, runProgram } from "./programs.ts";

const go = findProgram("go") ?? findProgram("/usr/local/go/bin/go");
/** A cold build fetches and compiles grpc-go; afterwards Go's own cache has it. */
const BUILD_MS = 240_000;

describe.skipIf(go === undefined)(`grpc-go${go === undefined ? " (no Go here)" : ""}`, () => {
  test("has every kind of call", { timeout: BUILD_MS + 60_000 }, async (context) => {
    await mkdir(CACHE, { recursive: true });
    const program = join(CACHE, "grpc-go");
    const cwd = join(import.meta.dirname, "go");
    const args = ["build", "-buildvcs=false", "-o", program, "."];
    const built = await runProgram(go ?? "", args, { cwd, timeoutMs: BUILD_MS });
    if (/dial tcp|no such host|i\/o timeout|connection refused/.test(built.stderr))
      context.skip("no module proxy to reach");
    expect(built).toMatchObject({ exit: 0, stderr: expect.not.stringContaining("error") });
    await using service = startProcess("test/peers/main.ts");
    await expectAllWell(service, await runProgram(program, [new URL(await service.url()).host]));
  });
});
