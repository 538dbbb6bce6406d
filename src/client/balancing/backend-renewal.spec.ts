import { Code } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import type { SimulatedCall } from "../../../test/simulation/simulated-call.ts";
import { type Outcome, simulateChannel, simulateResolver } from "../../../test/simulation/simulated-channel.ts";
import { ACCEPT, ANSWER, createNetwork, REFUSE, SAY_NOTHING } from "../../../test/simulation/simulated-network.ts";
import { createVirtualClock } from "../../../test/simulation/virtual-clock.ts";
import { renewedByHand } from "../../../test/tls/renewed-by-hand.ts";

const AGE_MS = 60_000;

/** A channel with a connection, on which a call may be under way that is answered by hand. */
async function setUp(options: Parameters<typeof simulateChannel>[0] = {}) {
  const tls = renewedByHand({}, AGE_MS);
  const simulated = simulateChannel({ tls, retry: false, ...options });
  const { backends, begin, client } = simulated;
  const [backend] = backends;
  if (options.resolver === undefined) await simulated.act();
  const held: SimulatedCall[] = [];
  return {
    simulated,
    renew: () => tls.renew(),
    clock: simulated.clock,
    backend,
    statesOf: () => backend.connections.map(({ state }) => state),
    /** Begins a call that is answered by `answer`. */
    async hold(): Promise<{ readonly outcome: Outcome; answer(): void }> {
      backend.onCall = (call) => void held.push(call);
      const outcome = begin(() => client.act({ text: "x" }, { timeoutMs: 10 * AGE_MS }));
      await simulated.clock.advance(backend.answerMs + backend.connectMs);
      backend.onCall = ANSWER;
      const call = held.at(-1);
      if (call === undefined) throw new Error("the call has not come");
      return { outcome, answer: () => call.answer() };
    },
  };
}

describe("a backend whose certificate was renewed", () => {
  test("gets another connection in the first half of the time, at a moment by chance", async () => {
    const moments: number[] = [];
    for (let seed = 1; seed <= 40; seed++) {
      const { simulated, renew, clock, backend, hold } = await setUp({ seed });
      await using _simulated = simulated;
      await hold();
      const renewedAt = clock.now();
      renew();
      await clock.advance(AGE_MS / 2);
      moments.push((backend.connections[1]?.startedAt ?? Number.POSITIVE_INFINITY) - renewedAt);
      await clock.advance(AGE_MS);
      expect(backend.connections).toHaveLength(2);
    }
    expect(Math.max(...moments)).toBeLessThan(AGE_MS / 2);
    expect(Math.max(...moments)).toBeGreaterThan(AGE_MS * 0.4);
    expect(Math.min(...moments)).toBeLessThan(AGE_MS * 0.1);
  });

  test("has calls on the old connection until the other is ready, which then takes them; the old one ends with its last", async () => {
    const { simulated, renew, clock, backend, hold, statesOf } = await setUp();
    await using _simulated = simulated;
    backend.connectMs = 1000;
    const first = await hold();
    renew();
    await clock.advanceUntil(() => backend.connections.length === 2);
    expect(statesOf()).toEqual(["ready", "connecting"]);
    const second = await hold();
    expect(backend.connections.map(({ calls }) => calls.size)).toEqual([2, 0]);
    await clock.advanceUntil(() => statesOf()[1] === "ready");
    expect(statesOf()).toEqual(["draining", "ready"]);
    const third = await hold();
    expect(backend.connections.map(({ calls }) => calls.size)).toEqual([2, 1]);
    for (const { answer } of [first, second, third]) answer();
    await clock.settle();
    expect(statesOf()).toEqual(["closed", "ready"]);
    await clock.advance(AGE_MS);
    expect(statesOf()).toEqual(["closed", "ready"]);
    expect([first, second, third].map(({ outcome }) => [outcome.code, outcome.settledAt !== undefined])).toEqual(
      Array.from({ length: 3 }, () => [undefined, true]),
    );
  });

  test("has its idle connection end, and the next call makes another", async () => {
    const { simulated, renew, clock, backend, statesOf } = await setUp();
    await using _simulated = simulated;
    await clock.advance(10_000);
    renew();
    await clock.advance(AGE_MS / 2);
    expect(statesOf()).toEqual(["closed"]);
    expect(simulated.channel.stats()).toMatchObject({ state: "idle", connectionsFailed: 0 });
    expect(await simulated.act()).toMatchObject({ code: undefined });
    await clock.advance(AGE_MS);
    expect(statesOf()).toEqual(["closed", "ready"]);
    expect(backend.calls).toHaveLength(2);
  });

  test("has what is still under way at the end of the time end unavailable, and says why", async () => {
    const { simulated, renew, clock, hold, statesOf } = await setUp();
    await using _simulated = simulated;
    const { outcome } = await hold();
    const renewedAt = clock.now();
    renew();
    await clock.advanceUntil(() => outcome.settledAt !== undefined);
    expect(outcome).toMatchObject({ code: Code.Unavailable, settledAt: renewedAt + AGE_MS });
    expect(outcome.error?.rawMessage).toContain("it was made under a certificate that was renewed");
    expect(statesOf()).toEqual(["closed", "ready"]);
    expect(simulated.channel.stats()).toMatchObject({ state: "ready", connectionsFailed: 0 });
  });

  test("loses none of the calls that come all the while, whatever a connection takes at once", async () => {
    for (const maxCalls of [1, 3, 100]) {
      for (const maxConnectionsPerBackend of [1, 2, 16]) {
        const tls = renewedByHand({}, AGE_MS);
        await using simulated = simulateChannel({ tls, retry: false, maxConnectionsPerBackend });
        const [backend] = simulated.backends;
        Object.assign(backend, { maxCalls, answerMs: 40, connectMs: 100 });
        const outcomes: Outcome[] = [];
        for (let renewals = 0; renewals < 3; renewals++) {
          for (let passed = 0; passed < AGE_MS; passed += 100) {
            outcomes.push(simulated.begin(() => simulated.client.act({ text: "x" })));
            await simulated.clock.advance(100);
          }
          const before = new Set(backend.connections);
          tls.renew();
          expect(backend.connections.some(({ state }) => state === "ready")).toBe(true);
          for (let passed = 0; passed < AGE_MS / 2 + 1000; passed += 100) {
            outcomes.push(simulated.begin(() => simulated.client.act({ text: "x" })));
            await simulated.clock.advance(100);
          }
          expect([...before].filter(({ state }) => state !== "closed")).toEqual([]);
        }
        expect(outcomes.filter(({ code, settledAt }) => code !== undefined || settledAt === undefined)).toEqual([]);
      }
    }
  });

  test("keeps the old connection where another cannot be made, and tries again", async () => {
    for (const onConnect of [REFUSE, SAY_NOTHING]) {
      const { simulated, renew, clock, backend, hold, statesOf } = await setUp();
      await using _simulated = simulated;
      const { outcome, answer } = await hold();
      backend.onConnect = onConnect;
      renew();
      await clock.advanceUntil(() => backend.connections.length === 3);
      expect(statesOf()[0]).toBe("ready");
      expect(await simulated.act()).toMatchObject({ code: undefined });
      backend.onConnect = ACCEPT;
      await clock.advanceUntil(() => backend.connections.at(-1)?.state === "ready");
      expect(statesOf()[0]).toBe("draining");
      answer();
      await clock.settle();
      expect(outcome).toMatchObject({ code: undefined });
      expect(statesOf().filter((state) => state !== "closed")).toEqual(["ready"]);
    }
  });

  test("has its other connection stay, unlike one that is made for a crowd", async () => {
    const clock = createVirtualClock();
    const network = createNetwork(clock);
    const forCrowd: boolean[] = [];
    const connect: typeof network.connect = (address, listener, isFurther) => {
      forCrowd.push(isFurther);
      return network.connect(address, listener, isFurther);
    };
    const { simulated, renew, backend, hold } = await setUp({ clock, network: { ...network, connect } });
    await using _simulated = simulated;
    await hold();
    renew();
    await clock.advance(AGE_MS / 2);
    backend.connections[1]?.allow(1);
    await hold();
    await hold();
    expect(forCrowd).toEqual([false, false, true]);
  });

  test.each([
    ["rests from failures to make another", REFUSE],
    ["is making another", SAY_NOTHING],
  ])("keeps the old connection while it %s for a crowd", async (_what, onConnect) => {
    const { simulated, renew, clock, backend, hold, statesOf } = await setUp({ maxConnectionsPerBackend: 2 });
    await using _simulated = simulated;
    backend.connections[0]?.allow(1);
    await hold();
    backend.onConnect = onConnect;
    renew();
    // All the while somebody waits for whom there is no room: the moment comes in the middle of that.
    for (let passed = 0; passed < AGE_MS / 2; passed += 50) {
      simulated.begin(() => simulated.client.act({ text: "x" }));
      await clock.advance(50);
    }
    expect(statesOf()[0]).toBe("ready");
  });

  test("has a connection replaced that was being made when the certificate was renewed", async () => {
    const tls = renewedByHand({}, AGE_MS);
    await using simulated = simulateChannel({ tls, retry: false });
    const { clock, client, begin } = simulated;
    const [backend] = simulated.backends;
    backend.connectMs = 300;
    const call = begin(() => client.act({ text: "x" }));
    await clock.advance(10);
    tls.renew();
    await clock.advanceUntil(() => call.settledAt !== undefined);
    await clock.advance(AGE_MS);
    expect(call.code).toBeUndefined();
    expect(backend.connections.map(({ state }) => state)).toEqual(["closed"]);
  });

  test("has what a second renewal finds replaced once more, and each in its own time", async () => {
    const { simulated, renew, clock, backend, hold, statesOf } = await setUp();
    await using _simulated = simulated;
    const first = await hold();
    const renewedAt = clock.now();
    renew();
    await clock.advanceUntil(() => backend.connections.length === 2);
    await clock.advance(10);
    const second = await hold();
    const renewedAgainAt = clock.now();
    renew();
    await clock.advanceUntil(() => second.outcome.settledAt !== undefined);
    expect(first.outcome).toMatchObject({ code: Code.Unavailable, settledAt: renewedAt + AGE_MS });
    expect(second.outcome).toMatchObject({ code: Code.Unavailable, settledAt: renewedAgainAt + AGE_MS });
    expect(statesOf()).toEqual(["closed", "closed", "ready"]);
  });

  test("has what was made between two renewals replaced in the first half of the second one's time, whatever the first one does", async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const { simulated, renew, clock, backend, hold } = await setUp({ seed });
      await using _simulated = simulated;
      renew();
      backend.connections[0]?.lose("ECONNRESET");
      await simulated.act();
      await hold();
      renew();
      backend.connectMs = 4000;
      const between = backend.connections.at(-1);
      await clock.advance(AGE_MS / 2 + backend.connectMs);
      expect([seed, between?.state]).toEqual([seed, "draining"]);
    }
  });
});

describe("a backend that is renewed and goes", () => {
  test("ends its last calls at the end of the time where the target has it no longer", async () => {
    const resolver = simulateResolver();
    const { simulated, renew, clock, hold } = await setUp({ resolver });
    await using _simulated = simulated;
    const finding = simulated.begin(() => simulated.client.act({ text: "x" }));
    await clock.settle();
    resolver.find("10.0.0.1:1");
    await clock.advanceUntil(() => finding.settledAt !== undefined);
    const { outcome } = await hold();
    resolver.find("10.0.0.2:1");
    const renewedAt = clock.now();
    renew();
    await clock.advanceUntil(() => outcome.settledAt !== undefined);
    expect(outcome).toMatchObject({ code: Code.Unavailable, settledAt: renewedAt + AGE_MS });
  });

  test.each([true, false])(
    "leaves no timer behind once its channel is closed: with a call under way: %s",
    async (isBusy) => {
      const { simulated, renew, clock, hold } = await setUp();
      if (isBusy) await hold();
      renew();
      await simulated[Symbol.asyncDispose]();
      await clock.settle();
      expect(clock.timers).toBe(0);
      renew(); // nobody listens
      expect(clock.timers).toBe(0);
    },
  );

  test.each([true, false])(
    "leaves no timer behind once nothing is left of it: with a call under way: %s",
    async (isBusy) => {
      const resolver = simulateResolver();
      const { simulated, renew, clock, hold } = await setUp({ resolver });
      const call = simulated.begin(() => simulated.client.act({ text: "x" }));
      await clock.settle();
      resolver.find("10.0.0.1:1");
      await clock.advanceUntil(() => call.settledAt !== undefined);
      const held = isBusy ? await hold() : undefined;
      renew();
      resolver.find("10.0.0.2:1");
      await clock.advance(10);
      held?.answer();
      await clock.settle();
      await simulated[Symbol.asyncDispose]();
      await clock.settle();
      expect(clock.timers).toBe(0);
    },
  );
});
