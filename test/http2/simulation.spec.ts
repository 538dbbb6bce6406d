import { describe, expect, test } from "vitest";
import { simulate } from "./simulation.ts";

const BOX_MS = 12_000;
/** Runs that are made however slow the machine is. */
const LEAST_RUNS = 50;
const SEED = process.env["SEED"];

describe("a client and a server of the engine on a simulated link", () => {
  test("keep every promise, whatever happens on the way", { timeout: 60_000 }, () => {
    const first = SEED === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(SEED);
    const until = performance.now() + (SEED === undefined ? BOX_MS : 0);
    let runs = 0;
    for (; performance.now() < until || runs < (SEED === undefined ? LEAST_RUNS : 1); runs++) {
      const seed = first + runs;
      expect(simulate(seed), `SEED=${seed} npx vitest run test/http2/simulation.spec.ts`).toEqual([]);
    }
    console.log(`${runs} runs from seed ${first} on`);
  });

  test("do the same again for the same seed", () => {
    // Seeds whose runs are not alike, in which nothing goes by time or by chance of another source.
    const logs = [1, 1, 2].map((seed) => logOf(seed));
    expect(logs[1]).toEqual(logs[0]);
    expect(logs[2]).not.toEqual(logs[0]);
  });
});

function logOf(seed: number): readonly string[] {
  const log: string[] = [];
  simulate(seed, (line) => log.push(line));
  return log;
}
