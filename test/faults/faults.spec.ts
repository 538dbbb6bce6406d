import { afterAll, describe, expect, test } from "vitest";
import { callerPool } from "./caller-pool.ts";
import { performFairly, spread } from "./campaign.ts";
import { OURS } from "./clients.ts";
import { SCENARIOS } from "./scenarios.ts";

// Real sockets and real time, a few runs beside each other: npm run faults does the same for the clients of others.

/** As many as vitest runs at a time of one file. */
const LANES = 5;
const pool = callerPool(LANES);
afterAll(() => pool[Symbol.asyncDispose]());

describe.concurrent("a channel", () => {
  for (const { scenario, client } of spread(SCENARIOS, OURS)) {
    const reason = scenario.notFor?.(client);
    const title = `holds, ${client.name}: ${scenario.name}${reason === undefined ? "" : ` (${reason})`}`;
    // What HTTP/1.1 has nothing like is no test that is missing.
    if (reason !== undefined && client.httpVersion === "1.1") continue;
    test.skipIf(reason !== undefined)(
      title,
      async () => {
        const outcome = await performFairly({ scenario, client }, pool);
        expect(outcome.complaints, outcome.failures.join("\n")).toEqual([]);
      },
      60_000,
    );
  }
});
