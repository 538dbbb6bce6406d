import { expect, test } from "vitest";
import { siegeForTests } from "./siege.ts";

const siege = siegeForTests();

const MIB = 1024 * 1024;

test("sees what an attack costs", async () => {
  const { growthMiB } = await siege.endure(async () => {
    await fetch(`${siege.url}/hold?n=${40 * MIB}`);
  });
  expect(growthMiB).toBeGreaterThan(39);
});

test("sees that a bystander loses calls", async () => {
  const attack = siege.endure(async () => {
    siege.service.child.kill("SIGKILL");
  });
  await expect(attack).rejects.toThrow();
});
