import { Code } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { type Outcome, simulateChannel, simulateResolver } from "../../../test/simulation/simulated-channel.ts";
import { REFUSE, SAY_NOTHING } from "../../../test/simulation/simulated-network.ts";

// What a channel makes of what its resolver finds, or does not.

const [A, B, C] = ["10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1"] as const;

/** A channel with a load on it: a call every 2 ms, each of which takes 5. */
function underLoad(count: number) {
  const resolver = simulateResolver();
  const simulated = simulateChannel({ count, resolver });
  const outcomes: Outcome[] = [];
  for (const backend of simulated.backends) backend.answerMs = 5;
  async function load(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 2) {
      outcomes.push(simulated.begin(() => simulated.client.act({ text: "x" })));
      await simulated.clock.advance(2);
    }
  }
  return { ...simulated, resolver, outcomes, load };
}

test("a backend that is added gets its share, and one that is removed no more calls; none fails", async () => {
  await using simulated = underLoad(3);
  const { resolver, load, backends, outcomes, channel, clock } = simulated;
  const [a, b, c] = backends;
  const began = load(20);
  await clock.settle();
  resolver.find(A, B);
  await began;
  await load(200);
  resolver.find(A, B, C);
  await load(200);
  expect(c?.calls.length).toBeGreaterThan(20);
  resolver.find(B, C);
  const atRemoval = a.calls.length;
  await load(200);
  expect(a.calls.length).toBe(atRemoval);
  expect(a.connections.map(({ state }) => state)).toEqual(["closed"]);
  expect(b?.connections).toHaveLength(1);
  await clock.advance(10);
  expect(outcomes.filter(({ settledAt, code }) => settledAt === undefined || code !== undefined)).toEqual([]);
  expect(channel.stats().backends.map(({ address }) => address)).toEqual([B, C]);
});

test("a backend that is removed finishes the calls that it has", async () => {
  const resolver = simulateResolver();
  await using simulated = simulateChannel({ count: 2, resolver });
  const { clock, client, begin, backends } = simulated;
  backends[0].answerMs = 500;
  const call = begin(() => client.act({ text: "x" }));
  await clock.settle();
  resolver.find(A);
  await clock.advance(100);
  resolver.find(B);
  await clock.advance(100);
  expect(backends[0].connections[0]?.state).toBe("draining");
  await clock.advance(400);
  expect(call).toMatchObject({ code: undefined, settledAt: 501 });
  expect(backends[0].connections[0]?.state).toBe("closed");
});

test("a resolution that fails costs nothing while addresses are known", async () => {
  await using simulated = underLoad(1);
  const began = simulated.load(20);
  await simulated.clock.settle();
  simulated.resolver.find(A);
  await began;
  simulated.resolver.listener?.onError(new Error("orders cannot be looked up: SERVFAIL"));
  await simulated.load(50);
  await simulated.clock.advance(10);
  expect(simulated.outcomes.filter(({ code }) => code !== undefined)).toEqual([]);
});

test("without any address calls fail with what the resolver says, at once after the first, and go on when it finds some", async () => {
  const resolver = simulateResolver();
  await using simulated = simulateChannel({ resolver, retry: false });
  const { clock, client, begin, act } = simulated;
  const first = begin(() => client.act({ text: "x" }));
  await clock.advance(30);
  resolver.listener?.onError(new Error("orders cannot be looked up: SERVFAIL"));
  await clock.settle();
  expect(first).toMatchObject({ code: Code.Unavailable, settledAt: 30 });
  expect(first.error?.rawMessage).toContain("http://orders:1: orders cannot be looked up: SERVFAIL (target orders:1; ");
  expect(first.error?.rawMessage).toContain("found no backend: resolving 30 ms");
  expect(await act()).toMatchObject({ code: Code.Unavailable, settledAt: 30 });
  expect(simulated.channel.stats().state).toBe("failed");
  resolver.find(A);
  expect(await act()).toMatchObject({ code: undefined, settledAt: 32 });
});

describe.each([
  ["no address", [], "the resolver found no address"],
  ["a port past the last", [{ host: "10.0.0.2", port: 70_000 }], '{"host":"10.0.0.2","port":70000}'],
  ["a port that is no number", [{ host: "10.0.0.2", port: Number.NaN }], '{"host":"10.0.0.2","port":null}'],
  ["no host", [{ host: "", port: 1 }], '{"host":"","port":1}'],
] as const)("a resolver that gives %s", (_what, addresses, words) => {
  test("has calls fail with that at once", async () => {
    const resolver = simulateResolver();
    await using simulated = simulateChannel({ resolver, retry: false });
    const call = simulated.begin(() => simulated.client.act({ text: "x" }));
    await simulated.clock.advance(5);
    resolver.listener?.onAddresses(addresses);
    await simulated.clock.settle();
    expect(call).toMatchObject({ code: Code.Unavailable, settledAt: 5 });
    expect(call.error?.rawMessage).toContain(words);
  });

  test("takes nothing from the backends that are known", async () => {
    const resolver = simulateResolver();
    await using simulated = simulateChannel({ resolver });
    const { channel, clock, act, begin, client } = simulated;
    begin(() => client.act({ text: "x" }));
    await clock.settle();
    resolver.find(A);
    await clock.advance(5);
    resolver.listener?.onAddresses(addresses);
    expect(await act()).toMatchObject({ code: undefined });
    expect(channel.stats().backends).toMatchObject([{ address: A, state: "ready" }]);
  });
});

test("a call that waits for a backend outlives a resolution that fails", async () => {
  const resolver = simulateResolver();
  await using simulated = simulateChannel({ resolver, waitForReady: true });
  const call = simulated.begin(() => simulated.client.act({ text: "x" }));
  await simulated.clock.advance(30);
  resolver.listener?.onError(new Error("orders cannot be looked up: SERVFAIL"));
  await simulated.clock.advance(30);
  expect(call.settledAt).toBeUndefined();
  resolver.find(A);
  await simulated.clock.advance(2);
  expect(call).toMatchObject({ code: undefined, settledAt: 62 });
});

test("a resolution that is slow has calls wait, which say so where they exceed their deadline", async () => {
  const resolver = simulateResolver();
  await using simulated = simulateChannel({ resolver });
  const { clock, client, begin, act } = simulated;
  const late = await act({ timeoutMs: 200 });
  expect(late).toMatchObject({ code: Code.DeadlineExceeded, settledAt: 200 });
  expect(late.error?.rawMessage).toContain("target orders:1; 200 ms in 1 attempt; found no backend: resolving 200 ms");
  const patient = begin(() => client.act({ text: "x" }));
  await clock.advance(100);
  resolver.find(A);
  await clock.advance(2);
  expect(patient).toMatchObject({ code: undefined, settledAt: 302 });
});

test.each([
  ["cannot be connected to", REFUSE],
  ["is lost", SAY_NOTHING],
  ["leaves", SAY_NOTHING],
])("the target is resolved again when a backend %s", async (how, onConnect) => {
  const resolver = simulateResolver();
  await using simulated = simulateChannel({ resolver });
  const [backend] = simulated.backends;
  const call = simulated.begin(() => simulated.client.act({ text: "x" }));
  await simulated.clock.settle();
  backend.onConnect = onConnect === REFUSE ? REFUSE : backend.onConnect;
  resolver.find(A);
  await simulated.clock.advance(5);
  if (how === "is lost") backend.connections[0]?.lose("ECONNRESET");
  if (how === "leaves") backend.connections[0]?.goAway();
  expect(resolver.refreshes).toBeGreaterThan(0);
  expect(call.settledAt).toBeDefined();
});
