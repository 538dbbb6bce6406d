import { type CallerPool, callerPool } from "./caller-pool.ts";
import type { TestedClient } from "./clients/tested-client.ts";
import { type Outcome, perform } from "./perform.ts";
import type { Scenario } from "./scenario.ts";

/** What became of a client in a scenario. */
export interface Entry {
  readonly scenario: string;
  readonly client: string;
  readonly library: TestedClient["library"];
  /** Absent where it was not run; {@link reason} says why. */
  readonly outcome?: Outcome;
  readonly reason?: string;
}

/** Puts every client through every scenario, several at a time, and tells of each as it comes. */
export async function runCampaign(
  scenarios: readonly Scenario[],
  clients: readonly TestedClient[],
  lanes: number,
  onEntry: (entry: Entry) => void,
): Promise<readonly Entry[]> {
  await using pool = callerPool(lanes);
  const entries = await Promise.all(
    spread(scenarios, clients).map(async ({ scenario, client }) => {
      const entry = await enter(scenario, client, pool);
      onEntry(entry);
      return entry;
    }),
  );
  const place = ({ scenario, client }: Entry) =>
    scenarios.findIndex(({ name }) => name === scenario) * clients.length +
    clients.findIndex(({ name }) => name === client);
  return entries.toSorted((one, other) => place(one) - place(other));
}

/** A client that is to be put through a scenario. */
export interface Pairing {
  readonly scenario: Scenario;
  readonly client: TestedClient;
}

/** Every client with every scenario, so that runs beside each other are of scenarios that are far apart: some take much. */
export function spread(scenarios: readonly Scenario[], clients: readonly TestedClient[]): readonly Pairing[] {
  return scenarios.flatMap((_scenario, turn) =>
    clients.map((client, lane) => {
      const ahead = Math.floor((lane * scenarios.length) / clients.length);
      const scenario = scenarios[(turn + ahead) % scenarios.length] as Scenario; // there is at least one
      return { scenario, client };
    }),
  );
}

/** How often a run is made again at the most. */
const MAX_REPEATS = 2;

/**
 * Puts a client through a scenario. Where it does not hold, but the machine was not there for the run, that says nothing: it
 * is made again with no other beside it.
 */
export async function performFairly({ scenario, client }: Pairing, pool: CallerPool): Promise<Outcome> {
  let outcome = await pool.with((caller) => perform(scenario, client, caller));
  for (let repeats = 0; repeats < MAX_REPEATS && outcome.isDisturbed && outcome.complaints.length > 0; repeats++) {
    outcome = await pool.alone((caller) => perform(scenario, client, caller));
  }
  return outcome;
}

async function enter(scenario: Scenario, client: TestedClient, pool: CallerPool): Promise<Entry> {
  const of = { scenario: scenario.name, client: client.name, library: client.library };
  const reason = scenario.notFor?.(client);
  if (reason !== undefined) return { ...of, reason };
  try {
    return { ...of, outcome: await performFairly({ scenario, client }, pool) };
  } catch (error) {
    return { ...of, reason: String(error) };
  }
}
