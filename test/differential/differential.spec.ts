import { describe, expect, test } from "vitest";
import { rpcFuzz } from "./fuzz-rpc.ts";

// The same requests every time, so that a change that breaks nothing breaks no test; `npm run fuzz` tries others.
const SEED = Number(process.env["DIFFERENTIAL_SEED"] ?? 1);
const RUNS = Number(process.env["DIFFERENTIAL_RUNS"] ?? 1000);
const BOX_MS = RUNS * 200;

describe("random requests, right and wrong", () => {
  test.each(rpcFuzz)(
    "lead to the same by every path, but for what is justified: $name",
    { timeout: BOX_MS * 2 },
    async (target) => {
      const { runs, failure } = await target.run(SEED, BOX_MS, RUNS);
      expect(failure, `npm run fuzz -- --minutes 1 --seed ${SEED}`).toBeUndefined();
      expect(runs).toBe(RUNS);
    },
  );
});
