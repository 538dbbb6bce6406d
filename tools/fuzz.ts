import { parseArgs } from "node:util";
import { rpcFuzz } from "../test/differential/fuzz-rpc.ts";
import { captureFuzz } from "../test/http2/fuzz-captures.ts";
import { differentialFuzz } from "../test/http2/fuzz-differential.ts";
import { frameFuzz } from "../test/http2/fuzz-frames.ts";
import type { FuzzTarget } from "../test/http2/fuzz-target.ts";
import { simulate } from "../test/http2/simulation.ts";

// Fuzzes the HTTP/2 engine, and the ways to answer an RPC, for a while: `npm run fuzz -- --minutes 1`, 30 minutes unless
// told otherwise. What fails is shown at its smallest, and makes the exit code 1; `--seed` begins where another run began.

const simulation: FuzzTarget = {
  name: "simulation",
  async run(seed, boxMs) {
    const until = performance.now() + boxMs;
    let runs = 0;
    for (; performance.now() < until; runs++) {
      const problems = simulate((seed + runs) >>> 0);
      if (problems.length > 0) {
        const replay = `SEED=${(seed + runs) >>> 0} npx vitest run test/http2/simulation.spec.ts`;
        return { runs, failure: `${problems.join("\n")}\n${replay}` };
      }
    }
    return { runs, failure: undefined };
  },
};
const targets = [frameFuzz, captureFuzz, differentialFuzz, simulation, ...rpcFuzz];

const { values } = parseArgs({ options: { minutes: { type: "string", default: "30" }, seed: { type: "string" } } });
const minutes = Number(values.minutes);
const first = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
if (!(minutes > 0) || !Number.isSafeInteger(first)) {
  console.error("usage: npm run fuzz -- [--minutes <more than 0>] [--seed <whole number>]");
  process.exit(2);
}

const MINUTE_MS = 60_000;
const until = performance.now() + minutes * MINUTE_MS;
const runs = new Map<string, number>();
for (let round = 0; performance.now() < until; round++) {
  const seed = (first + round) % 2 ** 31;
  const roundMs = Math.min(MINUTE_MS, until - performance.now());
  for (const target of targets) {
    const outcome = await target.run(seed, roundMs / targets.length);
    runs.set(target.name, (runs.get(target.name) ?? 0) + outcome.runs);
    if (outcome.failure !== undefined) {
      console.error(`${target.name} fails with seed ${seed}:\n${outcome.failure}`);
      process.exit(1);
    }
  }
  const counts = [...runs].map(([name, count]) => `${count} ${name}`).join(", ");
  console.log(`${new Date().toISOString()} seed ${seed}: ${counts}`);
}
console.log("nothing was found");
process.exit(0);
