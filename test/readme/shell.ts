import { expect, type TestContext } from "vitest";
import { cleanEnvironment, run, succeeds } from "../packaging/process.ts";
import { isAsShown } from "./expected.ts";
import type { Ports } from "./ports.ts";
import type { Shown } from "./shown.ts";

/** Runs a block as a reader's shell would, and compares what it prints. Without the programs that it calls it is skipped. */
export async function runShell(
  fence: Shown,
  cwd: string,
  ports: Ports,
  { skip }: TestContext,
  env = cleanEnvironment(),
): Promise<void> {
  for (const program of ["curl", "grpcurl"]) {
    if (!new RegExp(`^${program} `, "m").test(fence.text)) continue;
    const isThere = await succeeds([program, "--version"], { cwd, env });
    skip(!isThere, `no ${program} here`);
  }
  const printed = await run(["sh", "-ec", ports.toUsed(fence.text)], { cwd, env });
  expectShown(printed, fence, ports);
}

/** Expects that what was printed is what the block's output shows. */
export function expectShown(printed: string, { output = "" }: Shown, ports: Ports): void {
  const actual = ports.toShown(printed);
  if (!isAsShown(actual, output)) expect(actual.trim()).toBe(output.trim()); // the message shows both
}
