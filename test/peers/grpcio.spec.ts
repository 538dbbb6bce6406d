import { expect, test } from "vitest";
import { startProcess } from "../support/service-process.ts";
import { expectAllWell } from "./outcomes.ts";
import { PYTHON_INSTALL_MS, preparePython, runPython } from "./python.ts";

test("grpcio has every kind of call", { timeout: PYTHON_INSTALL_MS + 60_000 }, async (context) => {
  const python = await preparePython();
  if ("lacks" in python) return context.skip(python.lacks);
  await using service = startProcess("test/peers/main.ts");
  await expectAllWell(service, await runPython(python.path, "peer.py", [new URL(await service.url()).host]));
  expect(service.stderr()).toBe("");
});
