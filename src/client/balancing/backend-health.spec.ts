import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { HealthCheckResponse_ServingStatus as ServingStatus } from "../../../gen/health/v1/health_pb.js";
import { BehaviourService } from "../../../test/behaviour/gen/behaviour/v1/behaviour_pb.js";
import { createLinkNetwork } from "../../../test/simulation/link-network.ts";
import { beginCall, type SimulatedChannel, simulateChannel } from "../../../test/simulation/simulated-channel.ts";
import { ANSWER, fail, SAY_NOTHING, sayHealth } from "../../../test/simulation/simulated-network.ts";
import { createVirtualClock } from "../../../test/simulation/virtual-clock.ts";
import { openChannel } from "../channel.ts";

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

test("backends are judged by the ends of streams, whenever those are read", async () => {
  await using simulated = simulateChannel({ count: 2 });
  for (const backend of simulated.backends) {
    backend.onCall = (call) => {
      call.data(call.body);
      call.end(Code.Internal);
    };
  }
  for (let call = 0; call < 30; call++) {
    const reader = simulated.client.watch({ text: "x" })[Symbol.asyncIterator]();
    await Promise.all([reader.next(), simulated.clock.advance(20)]);
    await expect(reader.next()).rejects.toMatchObject({ code: Code.Internal });
  }
  expect(ejectedOf(simulated).toSorted()).toEqual([false, true]);
});

describe("backends are not judged by", () => {
  /** Has silent backends get call after call, each of which ends within `ms`, and tells which are ejected for that. */
  async function ejectedBy(ms: number, call: (simulated: SimulatedChannel) => Promise<unknown>) {
    await using simulated = simulateChannel({ count: 2 });
    for (const backend of simulated.backends) backend.onCall = SAY_NOTHING;
    for (let calls = 0; calls < 30; calls++) {
      const outcome = simulated.begin(() => call(simulated));
      await simulated.clock.advance(ms);
      expect(outcome.code).toBeDefined();
    }
    return ejectedOf(simulated).toSorted();
  }

  test("messages that their caller fails to give", async () => {
    async function* messages(): AsyncGenerator<{ text: string }> {
      yield { text: "x" };
      throw new Error("the caller's own fault");
    }
    expect(await ejectedBy(10, ({ client }) => client.converse(messages())[Symbol.asyncIterator]().next())).toEqual([
      false,
      false,
    ]);
  });

  test.each([
    ["internal", Code.Internal],
    ["unavailable", Code.Unavailable],
  ])("a caller that gives up with a reason of its own, such as %s", async (_name, code) => {
    const call = ({ client, clock }: SimulatedChannel) => {
      const controller = new AbortController();
      clock.schedule(200, () => controller.abort(new ConnectError("enough", code)));
      return client.act({ text: "x" }, { signal: controller.signal });
    };
    expect(await ejectedBy(210, call)).toEqual([false, false]);
  });

  test("a deadline that left them less than 100 ms, as they are by one that left them more", async () => {
    expect(await ejectedBy(100, ({ client }) => client.act({}, { timeoutMs: 99 }))).toEqual([false, false]);
    expect(await ejectedBy(110, ({ client }) => client.act({}, { timeoutMs: 102 }))).toEqual([false, true]);
  });

  test("a stream whose end nobody reads before its deadline", async () => {
    await using simulated = simulateChannel({ count: 2 });
    const streams = Array.from({ length: 30 }, () => simulated.client.watch({ text: "x" }, { timeoutMs: 500 }));
    const firsts = Promise.all(streams.map((stream) => stream[Symbol.asyncIterator]().next()));
    await simulated.clock.advance(1000);
    await firsts;
    expect(simulated.channel.stats()).toMatchObject({ callsFailed: 30, ejectionsStarted: 0 });
  });

  test("a head that is larger than they take", async () => {
    const clock = createVirtualClock();
    const { connect } = createLinkNetwork(clock);
    await using channel = openChannel("static:///10.0.0.1:1,10.0.0.2:1", {}, { clock, random: () => 0.5, connect });
    const client = createClient(BehaviourService, channel);
    for (let call = 0; call < 30; call++) {
      const headers = { "x-large": "x".repeat(20_000) };
      const outcome = beginCall(clock, () => client.act({ text: "x" }, { headers }));
      await clock.advance(10);
      expect(outcome.error?.rawMessage).toContain("the peer takes header lists of 16384 bytes");
    }
    expect(channel.stats()).toMatchObject({ ejectionsStarted: 0 });
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
    ["lets only those ask whom it knows", fail(Code.Unauthenticated)],
    ["does not let everybody ask", fail(Code.PermissionDenied)],
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
    ["finds it unavailable", fail(Code.Unavailable)],
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

  test("is asked where a caller gives up after 100 ms or more, too, and not before", async () => {
    await using simulated = await fallingSilent();
    const { backend, clock, client, begin } = simulated;
    const giveUpAfter = async (ms: number) => {
      const controller = new AbortController();
      begin(() => client.act({ text: "x" }, { signal: controller.signal }));
      await clock.advance(ms);
      controller.abort();
      await clock.settle();
      return backend.connections.map(({ pings }) => pings);
    };
    expect(await giveUpAfter(99)).toEqual([0]);
    expect(await giveUpAfter(100)).toEqual([1]);
    await clock.advance(1000);
    expect(backend.connections[0]?.state).not.toBe("ready");
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
