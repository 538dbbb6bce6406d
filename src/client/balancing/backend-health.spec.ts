import { Code } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { HealthCheckResponse_ServingStatus as ServingStatus } from "../../../gen/health/v1/health_pb.js";
import { type SimulatedChannel, simulateChannel } from "../../../test/simulation/simulated-channel.ts";
import { ANSWER, fail, SAY_NOTHING, sayHealth } from "../../../test/simulation/simulated-network.ts";

const ejectedOf = ({ channel }: SimulatedChannel) => channel.stats().backends.map(({ isEjected }) => isEjected);

/** A call every `everyMs` by turns, of which nothing is asked. */
async function load({ clock, client, begin }: SimulatedChannel, ms: number, everyMs = 10): Promise<void> {
  for (let passed = 0; passed < ms; passed += everyMs) {
    begin(() => client.act({ text: "x" }));
    await clock.advance(everyMs);
  }
}

/** Two backends that are connected, the first of which fails every call from now on. */
async function withOneFailing(count = 2): Promise<SimulatedChannel> {
  const simulated = simulateChannel({ count, balancing: "round_robin" });
  await simulated.act();
  await simulated.clock.advance(10);
  simulated.backends[0].onCall = fail(Code.Internal);
  return simulated;
}

describe("a backend that fails calls", () => {
  test("gets none after the fifth failure in a row, for 10 s", async () => {
    await using simulated = await withOneFailing();
    const [bad] = simulated.backends;
    const before = bad.calls.length;
    await load(simulated, 200);
    expect(bad.calls.length - before).toBe(5);
    expect(ejectedOf(simulated)).toEqual([true, false]);
    const ejectedAt = bad.calls.at(-1)?.startedAt ?? 0;
    bad.onCall = ANSWER;
    await load(simulated, 9700, 50);
    expect(bad.calls.length - before).toBe(5);
    await load(simulated, 300);
    expect(bad.calls.length - before).toBeGreaterThan(5);
    expect((bad.calls[before + 5]?.startedAt ?? 0) - ejectedAt).toBeGreaterThanOrEqual(10_000);
    expect(simulated.channel.stats()).toMatchObject({ ejectionsStarted: 1 });
  });

  test("goes on where a success comes between", async () => {
    await using simulated = await withOneFailing();
    const [bad] = simulated.backends;
    let calls = 0;
    bad.onCall = (call) => (++calls % 5 === 0 ? call.answer() : call.end(Code.Internal));
    await load(simulated, 1000);
    expect(ejectedOf(simulated)).toEqual([false, false]);
    expect(calls).toBeGreaterThan(40);
  });

  test.each([
    ["what its caller did wrong", Code.InvalidArgument],
    ["what it has not found", Code.NotFound],
    ["that it is overloaded", Code.ResourceExhausted],
  ])("is not ejected for %s", async (_what, code) => {
    await using simulated = await withOneFailing();
    simulated.backends[0].onCall = fail(code);
    await load(simulated, 400);
    expect(ejectedOf(simulated)).toEqual([false, false]);
  });

  test("is out for longer each time that it is as bad again", async () => {
    await using simulated = await withOneFailing();
    const [bad] = simulated.backends;
    await load(simulated, 65_000, 50);
    const starts = bad.calls.map(({ startedAt }) => startedAt);
    const pauses = starts.slice(1).map((at, index) => Math.round((at - (starts[index] ?? 0)) / 1000));
    expect(pauses.filter((seconds) => seconds > 1)).toEqual([10, 20, 30]);
  });

  test("is not the half more of all that is ejected", async () => {
    await using simulated = await withOneFailing(5);
    for (const backend of simulated.backends) backend.onCall = fail(Code.Internal);
    await load(simulated, 1000);
    expect(ejectedOf(simulated).filter((isEjected) => isEjected)).toHaveLength(2);
  });

  test("stays in rotation where it is the only one", async () => {
    await using simulated = simulateChannel();
    const [only] = simulated.backends;
    only.onCall = fail(Code.Internal);
    await load(simulated, 500);
    expect(ejectedOf(simulated)).toEqual([false]);
    expect(only.calls).toHaveLength(50);
  });
});

describe("before an ejected backend is back", () => {
  test("it is asked for its health, and stays out for longer while it does not serve", async () => {
    await using simulated = await withOneFailing();
    const [bad] = simulated.backends;
    bad.onHealthCheck = sayHealth(ServingStatus.NOT_SERVING);
    await load(simulated, 200);
    const calls = bad.calls.length;
    await load(simulated, 40_000, 100);
    const [first = 0, second = 0] = bad.healthChecks;
    expect(second - first).toBe(20_001); // twice the time, from the answer on
    expect(bad.calls).toHaveLength(calls);
    bad.onHealthCheck = sayHealth(ServingStatus.SERVING);
    bad.onCall = ANSWER;
    await load(simulated, 21_000, 100);
    expect(bad.healthChecks).toHaveLength(3);
    expect(ejectedOf(simulated)).toEqual([false, false]);
    expect(bad.calls.length).toBeGreaterThan(calls);
  });

  test.each([
    ["has no health service", fail(Code.Unimplemented)],
    ["does not know of itself", fail(Code.NotFound)],
  ])("one that %s is taken to be well", async (_what, onHealthCheck) => {
    await using simulated = await withOneFailing();
    simulated.backends[0].onHealthCheck = onHealthCheck;
    await load(simulated, 11_000, 50);
    expect(simulated.backends[0].healthChecks).toHaveLength(1);
    expect(simulated.backends[0].calls.at(-1)?.startedAt).toBeGreaterThan(10_000);
  });

  test.each([
    ["does not answer within a second", SAY_NOTHING],
    ["fails", fail(Code.Internal)],
  ])("one whose health check %s stays out", async (_what, onHealthCheck) => {
    await using simulated = await withOneFailing();
    simulated.backends[0].onHealthCheck = onHealthCheck;
    await load(simulated, 200);
    const calls = simulated.backends[0].calls.length;
    await load(simulated, 12_000, 50);
    expect(ejectedOf(simulated)).toEqual([true, false]);
    expect(simulated.backends[0].calls).toHaveLength(calls);
  });
});

describe("a connection that says nothing for a whole call that exceeds its deadline", () => {
  /** A connected backend that falls silent. */
  async function fallingSilent() {
    const simulated = simulateChannel();
    const [backend] = simulated.backends;
    await simulated.act();
    backend.onCall = SAY_NOTHING;
    backend.answersPings = false;
    return { ...simulated, backend };
  }

  test("is asked by PING, and another one takes its place where it says nothing within a second", async () => {
    await using simulated = await fallingSilent();
    const { backend, clock } = simulated;
    const { settledAt = 0 } = await simulated.act({ timeoutMs: 100 });
    const [dead] = backend.connections;
    expect(dead?.pings).toBe(1);
    await clock.advance(999);
    expect(dead?.state).toBe("ready");
    backend.onCall = (call, connection) => (connection === dead ? undefined : call.answer());
    const crossing = simulated.begin(() => simulated.client.act({ text: "x" }, { timeoutMs: 500 }));
    await clock.advance(1);
    expect(clock.now() - settledAt).toBe(1000);
    expect(dead?.state).toBe("draining");
    expect(await simulated.act()).toMatchObject({ code: undefined });
    expect(backend.connections).toHaveLength(2);
    await clock.advance(500);
    expect(crossing.code).toBe(Code.DeadlineExceeded);
  });

  test("stays in rotation where it answers the PING", async () => {
    await using simulated = await fallingSilent();
    const { backend, clock } = simulated;
    backend.answersPings = true;
    await simulated.act({ timeoutMs: 100 });
    await clock.advance(5000);
    expect(backend.connections.map(({ state, pings }) => [state, pings])).toEqual([["ready", 1]]);
  });

  test("is asked once, however many calls exceed their deadlines", async () => {
    await using simulated = await fallingSilent();
    const { backend, clock, client, begin } = simulated;
    for (let call = 0; call < 20; call++) begin(() => client.act({ text: "x" }, { timeoutMs: 100 + call }));
    await clock.advance(500);
    expect(backend.connections.map(({ pings }) => pings)).toEqual([1]);
  });

  test("is not asked where it has said something meanwhile", async () => {
    await using simulated = await fallingSilent();
    const { backend, clock, begin, client } = simulated;
    const slow = begin(() => client.act({ text: "x" }, { timeoutMs: 100 }));
    await clock.advance(1);
    backend.onCall = ANSWER;
    await simulated.act();
    await clock.advanceUntil(() => slow.settledAt !== undefined);
    expect(slow.code).toBe(Code.DeadlineExceeded);
    expect(backend.connections.map(({ pings }) => pings)).toEqual([0]);
  });
});
