import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { NAME, startProcess } from "../support/service-process.ts";
import { expectOutcomes } from "./outcomes.ts";
import { runProgram } from "./programs.ts";
import { PYTHON_INSTALL_MS, type Python, preparePython, runPython } from "./python.ts";

const FOLDERS = ["test/types/proto", "proto", "node_modules/google-proto-files"];
const SCHEMAS = [
  "portico/types/v1/types.proto",
  "test/types/v1/values.proto",
  "test/types/v1/services.proto",
  "name/v1/name.proto",
  "name/v1/history.proto",
  "google/rpc/status.proto",
  "google/rpc/error_details.proto",
];

let python: Python;
/** What protoc makes of the schemas. */
let modules: string;

beforeAll(async () => {
  modules = await mkdtemp(join(tmpdir(), "portico-python-"));
  python = await preparePython();
  if ("path" in python) await compile(python.path);
}, PYTHON_INSTALL_MS);

afterAll(async () => {
  if (modules !== undefined) await rm(modules, { recursive: true });
});

beforeEach((context) => {
  if ("lacks" in python) context.skip(python.lacks);
});

async function compile(path: string): Promise<void> {
  const includes = FOLDERS.flatMap((folder) => ["-I", folder]);
  const outputs = [`--python_out=${modules}`, `--grpc_python_out=${modules}`];
  const { exit, stderr } = await runProgram(path, ["-m", "grpc_tools.protoc", ...includes, ...outputs, ...SCHEMAS]);
  expect(exit, stderr).toBe(0);
  await writeFile(join(modules, "test/__init__.py"), ""); // Python has a package `test` of its own, which would go before
}

/** Has a program call a service. */
async function call(program: string, main: string): Promise<Awaited<ReturnType<typeof runPython>>> {
  await using service = startProcess(main);
  return await runPython("path" in python ? python.path : "", program, [new URL(await service.url()).host], modules);
}

test("Python sends and reads domain types as what they are declared as", async () => {
  expectOutcomes(await call("values.py", "test/peers/values-main.ts"), [
    expect.stringMatching(/^every field, \d+ times$/),
    "no more fields than needed",
    "what a handler sees",
    "what a handler makes",
    "server stream",
    "client stream",
    "bidi stream",
    "no domain types",
    "an ObjectId of 11 bytes",
    "other misfits",
    "a misfit in a list",
    "a misfit as the third of a stream",
  ]);
});

test("Python reads the history of what name has processed for it", async () => {
  expectOutcomes(await call("history.py", NAME), [
    "in pages",
    "as processed",
    "ids",
    "times",
    "durations",
    "instances",
    "one by one",
    "by a cursor",
    "no such entry",
    "an id of 11 bytes",
  ]);
});
