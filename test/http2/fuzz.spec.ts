import { describe, expect, test } from "vitest";
import { captureFuzz } from "./fuzz-captures.ts";
import { differentialFuzz } from "./fuzz-differential.ts";
import { frameFuzz } from "./fuzz-frames.ts";

const BOX_MS = 9000;
const LEAST_RUNS = 20;

// A case that fails is shown at its smallest; it can be had again by `npm run fuzz -- --seed`.
describe("whatever a peer sends", () => {
  test.each([
    ["sequences of frames, right and wrong, keep the engine's promises", frameFuzz],
    ["what real peers have said, damaged on the way, keeps the engine's promises", captureFuzz],
    ["the application sees the same requests as over node:http2, but for what is justified", differentialFuzz],
  ])("%s", { timeout: 60_000 }, async (_, target) => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    const { runs, failure } = await target.run(seed, BOX_MS);
    console.log(`${target.name}: ${runs} runs of seed ${seed}`);
    expect(failure, `npm run fuzz -- --minutes 1 --seed ${seed}`).toBeUndefined();
    expect(runs).toBeGreaterThan(LEAST_RUNS);
  });
});
