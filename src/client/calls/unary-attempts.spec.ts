import { Code } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import type { SimulatedCall } from "../../../test/simulation/simulated-call.ts";
import { type Outcome, type SimulatedChannel, simulateChannel } from "../../../test/simulation/simulated-channel.ts";
import { ANSWER, fail, REFUSE, SAY_NOTHING } from "../../../test/simulation/simulated-network.ts";

const isThrottled = ({ error }: Outcome) => error?.metadata.get("x-portico-local") === "throttled";

/** A call every 10 ms. */
async function load({ clock, client, begin }: SimulatedChannel, ms: number): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  for (let passed = 0; passed < ms; passed += 10) {
    outcomes.push(begin(() => client.read({ text: "x" })));
    await clock.advance(10);
  }
  await clock.advance(500);
  return outcomes;
}

describe("where backends say that they are overloaded", () => {
  test("calls are refused here, as unavailable and marked so, and are not tried again", async () => {
    await using simulated = simulateChannel();
    const [backend] = simulated.backends;
    backend.onCall = fail(Code.ResourceExhausted);
    const outcomes = await load(simulated, 2000);
    const throttled = outcomes.filter(isThrottled);
    expect(throttled.length).toBeGreaterThan(100);
    for (const { code, startedAt, settledAt } of throttled) {
      expect([code, settledAt]).toEqual([Code.Unavailable, startedAt]);
    }
    expect(backend.calls.length + throttled.length).toBe(outcomes.length);
    expect(simulated.channel.stats()).toMatchObject({ callsThrottled: throttled.length, retriesStarted: 0 });
    expect(throttled[0]?.error?.rawMessage).toContain("the backends of http://10.0.0.1:1 say that they are overloaded");
  });

  test("none is refused any more within 15 s of their end", async () => {
    await using simulated = simulateChannel();
    simulated.backends[0].onCall = fail(Code.ResourceExhausted);
    await load(simulated, 10_000);
    simulated.backends[0].onCall = ANSWER;
    await load(simulated, 15_000);
    expect((await load(simulated, 2000)).filter(({ code }) => code !== undefined)).toEqual([]);
  });

  test("by a word on when to come back, too", async () => {
    await using simulated = simulateChannel();
    simulated.backends[0].onCall = fail(Code.Unavailable, { "grpc-retry-pushback-ms": "-1" });
    expect((await load(simulated, 1000)).filter(isThrottled).length).toBeGreaterThan(20);
  });

  test.each([
    ["an answer that is only unavailable", fail(Code.Unavailable)],
    ["a call that fails", fail(Code.Internal)],
    ["a silent backend", SAY_NOTHING],
  ])("%s says nothing of it", async (_what, onCall) => {
    await using simulated = simulateChannel({ timeoutMs: 200 });
    simulated.backends[0].onCall = onCall;
    expect((await load(simulated, 2000)).filter(isThrottled)).toEqual([]);
  });

  test("connections that fail say nothing of it", async () => {
    await using simulated = simulateChannel();
    simulated.backends[0].onConnect = REFUSE;
    const outcomes = await load(simulated, 2000);
    expect(new Set(outcomes.map(({ code }) => code))).toEqual(new Set([Code.Unavailable]));
    expect(outcomes.filter(isThrottled)).toEqual([]);
  });

  test("calls that find no place to wait say nothing of it", async () => {
    await using simulated = simulateChannel({ maxWaitingCalls: 1 });
    simulated.backends[0].onConnect = SAY_NOTHING;
    const outcomes = await load(simulated, 2000);
    expect(outcomes.slice(1).map(({ code }) => code)).toEqual(outcomes.slice(1).map(() => Code.ResourceExhausted));
    expect(outcomes.filter(isThrottled)).toEqual([]);
  });

  test("nothing is refused where the channel has no throttle", async () => {
    await using simulated = simulateChannel({ throttle: false });
    simulated.backends[0].onCall = fail(Code.ResourceExhausted);
    expect((await load(simulated, 2000)).filter(isThrottled)).toEqual([]);
  });
});

describe("a call that is hedged", () => {
  const hedgingPolicy = { maxAttempts: 3, hedgingDelay: "0.1s", nonFatalStatusCodes: ["UNAVAILABLE"] };
  const serviceConfig = { methodConfig: [{ name: [{}], hedgingPolicy }] };
  const later = (ms: number, then: (call: SimulatedCall) => void) => (call: SimulatedCall) =>
    call.after(ms, () => then(call));

  /** A channel with one backend, which does one thing after the other with the calls that come. */
  function hedging(deeds: readonly ((call: SimulatedCall) => void)[], options = {}) {
    const simulated = simulateChannel({ serviceConfig, ...options });
    let next = 0;
    for (const backend of simulated.backends) backend.onCall = (call) => (deeds[next++] ?? ANSWER)(call);
    const attempts = () => simulated.backends.flatMap(({ calls }) => calls);
    return { ...simulated, attempts };
  }

  test("begins another attempt each time that the delay has passed, takes the first answer, and cancels the others", async () => {
    await using simulated = hedging([SAY_NOTHING, SAY_NOTHING, later(50, ANSWER)]);
    expect(await simulated.read()).toMatchObject({ code: undefined, settledAt: 251 });
    expect(simulated.attempts().map(({ startedAt }) => startedAt)).toEqual([1, 100, 200]);
    expect(simulated.attempts().map(({ isCancelled }) => isCancelled)).toEqual([true, true, false]);
    expect(simulated.channel.stats()).toMatchObject({ hedgesStarted: 2, callsActive: 0 });
  });

  test("makes no more attempts than it may, and says how many went before", async () => {
    await using simulated = hedging([SAY_NOTHING, SAY_NOTHING, SAY_NOTHING]);
    expect(await simulated.read({ timeoutMs: 1000 })).toMatchObject({ code: Code.DeadlineExceeded, settledAt: 1000 });
    expect(simulated.attempts().map(({ header }) => header.get("grpc-previous-rpc-attempts"))).toEqual([
      undefined,
      "1",
      "2",
    ]);
    expect(simulated.attempts().map(({ isCancelled }) => isCancelled)).toEqual([true, true, true]);
  });

  test("begins the next attempt at once where one fails with a code that is not fatal", async () => {
    await using simulated = hedging([fail(Code.Unavailable), later(20, ANSWER)]);
    expect(await simulated.read()).toMatchObject({ code: undefined, settledAt: 23 });
    expect(simulated.attempts().map(({ startedAt }) => startedAt)).toEqual([1, 2]);
  });

  test("fails with the first code that is fatal, and cancels the others", async () => {
    await using simulated = hedging([SAY_NOTHING, fail(Code.InvalidArgument)]);
    expect(await simulated.read()).toMatchObject({ code: Code.InvalidArgument, settledAt: 101 });
    expect(simulated.attempts().map(({ isCancelled }) => isCancelled)).toEqual([true, false]);
  });

  test("fails once all its attempts have", async () => {
    await using simulated = hedging([fail(Code.Unavailable), fail(Code.Unavailable), fail(Code.Unavailable)]);
    expect(await simulated.read()).toMatchObject({ code: Code.Unavailable, settledAt: 4 });
    expect(simulated.attempts()).toHaveLength(3);
  });

  test("makes its attempts at different backends", async () => {
    await using simulated = hedging([SAY_NOTHING], { count: 2 });
    await simulated.clock.settle();
    expect(await simulated.read()).toMatchObject({ code: undefined, settledAt: 101 });
    expect(simulated.backends.map(({ calls }) => calls.length)).toEqual([1, 1]);
  });

  test("stays within the budget of retries", async () => {
    await using simulated = hedging([SAY_NOTHING], { retryBudget: { ratio: 0, floor: 0 } });
    expect(await simulated.read({ timeoutMs: 1000 })).toMatchObject({ code: Code.DeadlineExceeded });
    expect(simulated.attempts()).toHaveLength(1);
    expect(simulated.channel.stats()).toMatchObject({ hedgesStarted: 0, retriesRefused: 1 });
  });

  test("has its next attempt when the server says that it may come", async () => {
    await using simulated = hedging([fail(Code.Unavailable, { "grpc-retry-pushback-ms": "300" })]);
    expect(await simulated.read()).toMatchObject({ code: undefined, settledAt: 303 });
  });

  test("fails where its server says that there is no sense in that", async () => {
    await using simulated = hedging([fail(Code.Unavailable, { "grpc-retry-pushback-ms": "-1" })]);
    expect(await simulated.read()).toMatchObject({ code: Code.Unavailable, settledAt: 2 });
    await simulated.clock.advance(1000);
    expect(simulated.attempts()).toHaveLength(1);
  });

  test("has no further attempt once its channel is closed", async () => {
    await using simulated = hedging([SAY_NOTHING]);
    const call = simulated.begin(() => simulated.client.read({ text: "x" }));
    await simulated.clock.advance(50);
    await simulated.channel[Symbol.asyncDispose]();
    await simulated.clock.settle();
    expect(call).toMatchObject({ code: Code.Unavailable, settledAt: 50 });
    expect(simulated.channel.stats()).toMatchObject({ hedgesStarted: 0, callsActive: 0 });
  });

  test("is none of a method that may have side effects", async () => {
    await using simulated = hedging([later(500, ANSWER)]);
    expect(await simulated.act()).toMatchObject({ code: undefined, settledAt: 502 });
    expect(simulated.attempts()).toHaveLength(1);
  });
});
