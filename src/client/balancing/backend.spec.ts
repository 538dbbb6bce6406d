import { Code, createContextValues } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { type Outcome, simulateChannel } from "../../../test/simulation/simulated-channel.ts";
import { ACCEPT, ANSWER, REFUSE, SAY_NOTHING } from "../../../test/simulation/simulated-network.ts";
import { waitForReady } from "../calls/call-manner.ts";

const WAITS = { contextValues: createContextValues().set(waitForReady, true), timeoutMs: 60_000 };

/** The times between the beginnings of connections. */
const gapsOf = (connections: readonly { readonly startedAt: number }[]) =>
  connections.slice(1).map(({ startedAt }, index) => startedAt - (connections[index]?.startedAt ?? 0));

describe("a backend that cannot be reached", () => {
  test("is connected to again after a time from 0 to a bound that doubles from 50 to 800 ms", async () => {
    const gaps: number[][] = [];
    for (let seed = 1; seed <= 40; seed++) {
      await using simulated = simulateChannel({ seed });
      const [backend] = simulated.backends;
      backend.onConnect = REFUSE;
      backend.connectMs = 0;
      simulated.begin(() => simulated.client.read({ text: "x" }, WAITS));
      await simulated.clock.advanceUntil(() => backend.connections.length > 8);
      gaps.push(gapsOf(backend.connections));
    }
    for (const [index, bound] of [50, 100, 200, 400, 800, 800, 800, 800].entries()) {
      const those = gaps.map((of) => of[index] ?? 0);
      expect(Math.max(...those)).toBeLessThan(bound);
      expect(Math.max(...those)).toBeGreaterThan(bound * 0.8);
      expect(Math.min(...those)).toBeLessThan(bound * 0.2);
    }
  });

  test("is left alone while nobody calls, until somebody does", async () => {
    await using simulated = simulateChannel({ retry: false });
    const [backend] = simulated.backends;
    backend.onConnect = REFUSE;
    await simulated.read();
    await simulated.clock.advance(10_000);
    const known = backend.connections.length;
    await simulated.clock.advance(60_000);
    expect(backend.connections).toHaveLength(known);
    backend.onConnect = ACCEPT;
    expect(await simulated.read()).toMatchObject({ code: undefined });
  });

  test("that hangs up on every connection is not connected to faster and faster, and calls fail", async () => {
    await using simulated = simulateChannel({ retry: false });
    const [backend] = simulated.backends;
    backend.onConnect = (connection) => {
      connection.accept();
      connection.lose("the peer has closed it");
    };
    const outcomes: Outcome[] = [];
    for (let passed = 0; passed < 10_000; passed += 20) {
      outcomes.push(simulated.begin(() => simulated.client.act({ text: "x" })));
      await simulated.clock.advance(20);
    }
    expect(new Set(outcomes.map(({ code }) => code))).toEqual(new Set([Code.Unavailable]));
    expect(backend.connections.length).toBeGreaterThan(10);
    expect(backend.connections.length).toBeLessThan(60);
  });
});

describe("a connection that gets nowhere", () => {
  test("gets another one beside it after 400 to 800 ms, and is closed once that is ready", async () => {
    await using simulated = simulateChannel();
    const [backend] = simulated.backends;
    backend.onConnect = SAY_NOTHING;
    const call = simulated.begin(() => simulated.client.read({ text: "x" }));
    await simulated.clock.settle();
    backend.onConnect = (connection) => (connection === backend.connections[0] ? undefined : connection.accept());
    await simulated.clock.advance(1000);
    const [gap = 0] = gapsOf(backend.connections);
    expect(gap).toBeGreaterThanOrEqual(400);
    expect(gap).toBeLessThan(800);
    expect(call).toMatchObject({ code: undefined, settledAt: gap + 2 });
    expect(backend.connections.map(({ state }) => state)).toEqual(["closed", "ready"]);
    expect(simulated.channel.stats()).toMatchObject({ connectionsFailed: 0 });
  });

  test("fails after five seconds, and says so", async () => {
    await using simulated = simulateChannel({ retry: false });
    simulated.backends[0].onConnect = SAY_NOTHING;
    const { code, settledAt, error } = await simulated.read();
    expect([code, settledAt]).toEqual([Code.Unavailable, 5000]);
    expect(error?.rawMessage).toContain("connecting 5000 ms");
  });
});

describe("a connection whose peer leaves", () => {
  test("gets no more calls, and finishes those that it has, while another one is made", async () => {
    await using simulated = simulateChannel();
    const { clock, client, begin } = simulated;
    const [backend] = simulated.backends;
    await simulated.act();
    backend.onCall = (call) => call.after(100, () => call.answer());
    const underWay = begin(() => client.act({ text: "x" }));
    await clock.advance(10);
    backend.connections[0]?.goAway();
    expect(backend.connections).toHaveLength(2); // nobody has to call for it
    backend.onCall = ANSWER;
    expect(await simulated.act()).toMatchObject({ code: undefined });
    expect(backend.connections.map(({ state }) => state)).toEqual(["draining", "ready"]);
    await clock.advance(200);
    expect(underWay.code).toBeUndefined();
    expect(underWay.settledAt).toBeDefined();
    expect(backend.connections.map(({ state }) => state)).toEqual(["closed", "ready"]);
    expect(simulated.channel.stats()).toMatchObject({ goawaysReceived: 1, callsFailed: 0 });
  });

  test("has calls that it has not processed made again elsewhere, whatever they are", async () => {
    await using simulated = simulateChannel();
    const { clock, client, begin } = simulated;
    const [backend] = simulated.backends;
    await simulated.act();
    backend.onCall = (call) => call.after(100, () => call.answer());
    const outcomes = Array.from({ length: 10 }, () => begin(() => client.act({ text: "x" })));
    await clock.advance(10);
    const processed = new Set([...(backend.connections[0]?.calls ?? [])].slice(0, 4));
    backend.connections[0]?.goAway((call) => processed.has(call));
    await clock.advance(1000);
    expect(outcomes.map(({ code, settledAt }) => [code, settledAt !== undefined])).toEqual(
      Array.from({ length: 10 }, () => [undefined, true]),
    );
    expect(simulated.channel.stats()).toMatchObject({ transparentRetriesStarted: 6, retriesStarted: 0 });
  });
});
