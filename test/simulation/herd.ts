import { randomOf } from "../http2/random.ts";
import { type Outcome, type SimulatedChannel, simulateChannel } from "./simulated-channel.ts";
import type { SimulatedConnection } from "./simulated-connection.ts";
import { createNetwork, REFUSE, type SimulatedBackend } from "./simulated-network.ts";
import { createVirtualClock } from "./virtual-clock.ts";

/** What many clients of one backend do. Times in milliseconds. */
export interface HerdPlan {
  readonly clients: number;
  readonly seed: number;
  /** How often each client calls. */
  readonly callEveryMs: number;
  /** How long the backend is well before it goes down, and how long it is watched once it is back. */
  readonly beforeMs: number;
  readonly afterMs: number;
  readonly downMs: number;
  /** How many connections the backend accepts in a millisecond, one after the other, once it is back. */
  readonly acceptsPerMs: number;
}

export interface HerdReport {
  /** When connections were begun, in order. */
  readonly connects: readonly number[];
  /** When calls came to the backend, in order. */
  readonly arrivals: readonly number[];
  readonly outcomes: readonly Outcome[];
  readonly wentDownAt: number;
  readonly cameBackAt: number;
  /** When the last client had a connection again. */
  readonly allBackAt: number;
  readonly retries: number;
}

/** Runs many channels, each with its own seed, against one backend that goes down and comes back. */
export async function runHerd(plan: HerdPlan): Promise<HerdReport> {
  const { clients, seed, callEveryMs, beforeMs, downMs, afterMs } = plan;
  const clock = createVirtualClock(1); // many clients at once are cheaper than one after the other
  const network = createNetwork(clock);
  const random = randomOf(seed);
  const backend = network.backend("10.0.0.1:1");
  const herd = Array.from({ length: clients }, (_, index) =>
    simulateChannel({ clock, network, seed: seed * 1_000_003 + index }),
  );
  const outcomes: Outcome[] = [];
  for (const client of herd) keepCalling(client, callEveryMs, random.next() * callEveryMs, outcomes);
  await clock.advance(beforeMs);

  const wentDownAt = clock.now();
  backend.onConnect = REFUSE;
  for (const connection of [...backend.connections]) connection.lose("ECONNRESET");
  await clock.advance(downMs);

  const cameBackAt = clock.now();
  acceptSlowly(backend, plan.acceptsPerMs, (ms, then) => clock.schedule(ms, then), clock.now);
  const isBack = ({ channel }: SimulatedChannel) => channel.stats().state === "ready";
  let allBackAt = Number.POSITIVE_INFINITY;
  for (let passed = 0; passed < afterMs; passed += 20) {
    await clock.advance(20);
    if (allBackAt === Number.POSITIVE_INFINITY && herd.every(isBack)) allBackAt = clock.now();
  }
  const retries = herd.reduce((sum, { channel }) => sum + channel.stats().retriesStarted, 0);
  for (const { channel } of herd) await channel[Symbol.asyncDispose]();
  return {
    connects: backend.connections.map(({ startedAt }) => startedAt),
    arrivals: backend.calls.map(({ startedAt }) => startedAt),
    outcomes,
    wentDownAt,
    cameBackAt,
    allBackAt,
    retries,
  };
}

function keepCalling({ clock, client, begin }: SimulatedChannel, everyMs: number, inMs: number, to: Outcome[]): void {
  clock.schedule(inMs, () => {
    to.push(begin(() => client.read({ text: "x" }, { timeoutMs: 1000 })));
    keepCalling({ clock, client, begin } as SimulatedChannel, everyMs, everyMs, to);
  });
}

/** One connection after the other, in the order in which they come. */
function acceptSlowly(
  backend: SimulatedBackend,
  perMs: number,
  schedule: (ms: number, then: () => void) => void,
  now: () => number,
): void {
  let freeAt = now();
  backend.onConnect = (connection: SimulatedConnection) => {
    freeAt = Math.max(freeAt, now()) + 1 / perMs;
    schedule(freeAt - now(), () => connection.accept());
  };
}

/** The most that happened in any window of `ms`, of times in order. */
export function mostIn(times: readonly number[], ms: number): number {
  let most = 0;
  let first = 0;
  for (const [index, time] of times.entries()) {
    while ((times[first] ?? 0) <= time - ms) first++;
    most = Math.max(most, index - first + 1);
  }
  return most;
}
