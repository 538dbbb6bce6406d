import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { Code, type Interceptor } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { BehaviourService } from "../../../test/behaviour/gen/behaviour/v1/behaviour_pb.js";
import { callInProgress } from "../../../test/simulation/call-in-progress.ts";
import type { SimulatedCall } from "../../../test/simulation/simulated-call.ts";
import { type Outcome, type SimulatedChannel, simulateChannel } from "../../../test/simulation/simulated-channel.ts";
import { ANSWER, fail } from "../../../test/simulation/simulated-network.ts";

const UNAVAILABLE = fail(Code.Unavailable);
const startsOf = (calls: readonly SimulatedCall[]) => calls.map(({ startedAt }) => startedAt);
const headersOf = (calls: readonly SimulatedCall[], name: string) => calls.map(({ header }) => header.get(name));

/** Does one thing after the other with the calls that come, and answers those behind. */
function inTurn(...deeds: readonly ((call: SimulatedCall) => void)[]): (call: SimulatedCall) => void {
  let next = 0;
  return (call) => (deeds[next++] ?? ANSWER)(call);
}

const refuse = (call: SimulatedCall) => call.refuse();

describe("a call that the peer cannot have processed", () => {
  test("is made again at once, though it has side effects", async () => {
    await using simulated = simulateChannel();
    const [backend] = simulated.backends;
    backend.onCall = inTurn(refuse);
    expect(await simulated.act()).toMatchObject({ code: undefined, settledAt: 3 });
    expect(backend.calls.map(({ body }) => body)).toEqual([backend.calls[1]?.body, backend.calls[0]?.body]);
    expect(headersOf(backend.calls, "grpc-previous-rpc-attempts")).toEqual([undefined, undefined]);
    expect(simulated.channel.stats()).toMatchObject({ transparentRetriesStarted: 1, retriesStarted: 0 });
  });

  test("is made again once for each connection", async () => {
    await using simulated = simulateChannel({ count: 2 });
    for (const backend of simulated.backends) backend.onCall = refuse;
    await simulated.clock.settle();
    expect(await simulated.act()).toMatchObject({ code: Code.Unavailable });
    const attempts = simulated.backends.map(({ calls }) => calls.length).toSorted();
    expect(attempts).toEqual([1, 2]); // it comes back to the first, and does not go on
  });

  test("is made again five times at most, however many connections refuse it", async () => {
    await using simulated = simulateChannel({ count: 20, balancing: "round_robin" });
    await simulated.act();
    await simulated.clock.advance(10); // all are connected
    for (const backend of simulated.backends) backend.onCall = refuse;
    const { code, error } = await simulated.act();
    expect(code).toBe(Code.Unavailable);
    expect(error?.rawMessage).toContain(" in 6 attempts; ");
    expect(simulated.channel.stats().transparentRetriesStarted).toBe(5);
  });

  test("goes on by the policy behind that, where it has no side effects", async () => {
    await using simulated = simulateChannel();
    const [backend] = simulated.backends;
    backend.onCall = inTurn(refuse, refuse, UNAVAILABLE);
    expect(await simulated.read()).toMatchObject({ code: undefined });
    expect(headersOf(backend.calls, "grpc-previous-rpc-attempts")).toEqual([undefined, undefined, "1", "2"]);
  });
});

describe("a call that may have been processed", () => {
  test.each([
    ["that failed", UNAVAILABLE],
    ["whose connection was lost", (_call: SimulatedCall, { lose }: { lose: () => void }) => lose()],
  ])("%s is never made again where the schema does not say that it may be", async (_what, deed) => {
    await using simulated = simulateChannel({ count: 2 });
    for (const backend of simulated.backends) {
      backend.onCall = (call, connection) => deed(call, { lose: () => connection.lose("ECONNRESET") });
    }
    expect(await simulated.act()).toMatchObject({ code: Code.Unavailable });
    expect(simulated.backends.flatMap(({ calls }) => calls)).toHaveLength(1);
  });

  test.each([
    ["", []],
    [", through interceptors", [((next) => (request) => next(request)) satisfies Interceptor]],
  ])(
    "is made again twice, elsewhere if possible, and says how often and how long it has%s",
    async (_how, interceptors) => {
      await using simulated = simulateChannel({ count: 2, interceptors });
      await simulated.act();
      await simulated.clock.advance(10);
      for (const backend of simulated.backends) backend.onCall = UNAVAILABLE;
      const known = simulated.backends.map(({ calls }) => calls.length);
      const { code, startedAt } = await simulated.read({ timeoutMs: 1000 });
      expect(code).toBe(Code.Unavailable);
      const calls = simulated.backends.map(({ calls: all }, index) => all.slice(known[index]));
      expect(calls.map(({ length }) => length).toSorted()).toEqual([1, 2]);
      const inOrder = calls.flat().toSorted((a, b) => a.startedAt - b.startedAt);
      expect(headersOf(inOrder, "grpc-previous-rpc-attempts")).toEqual([undefined, "1", "2"]);
      for (const call of inOrder) {
        const leftMs = Number(/^(\d+)m$/.exec(call.header.get("grpc-timeout") ?? "")?.[1]);
        expect(Math.abs(leftMs - (1000 - (call.startedAt - startedAt)))).toBeLessThanOrEqual(1);
      }
    },
  );

  test("is made again only for the codes of the policy", async () => {
    await using simulated = simulateChannel();
    simulated.backends[0].onCall = fail(Code.Internal);
    expect(await simulated.read()).toMatchObject({ code: Code.Internal });
    expect(simulated.backends[0].calls).toHaveLength(1);
  });

  test("waits from 0 to 50 ms for the first retry, and to 100 ms for the second", async () => {
    const waits: number[][] = [];
    for (let seed = 1; seed <= 60; seed++) {
      await using simulated = simulateChannel({ seed });
      const [backend] = simulated.backends;
      backend.onCall = UNAVAILABLE;
      await simulated.read();
      const [first = 0, second = 0, third = 0] = startsOf(backend.calls);
      waits.push([second - first - 1, third - second - 1]); // an answer takes 1 ms
    }
    for (const [index, bound] of [50, 100].entries()) {
      const those = waits.map((of) => of[index] ?? 0);
      expect(Math.max(...those)).toBeLessThan(bound);
      expect(Math.max(...those)).toBeGreaterThan(bound * 0.8);
      expect(Math.min(...those)).toBeLessThan(bound * 0.2);
    }
  });

  test("is not made again past its deadline", async () => {
    await using simulated = simulateChannel({ retry: { initialBackoffMs: 1000, maxBackoffMs: 1000 } });
    simulated.backends[0].onCall = UNAVAILABLE;
    expect(await simulated.read({ timeoutMs: 20 })).toMatchObject({ code: Code.Unavailable, settledAt: 2 });
    expect(simulated.backends[0].calls).toHaveLength(1);
  });

  test("is not made again by a hop whose own call is a retry", async () => {
    await using simulated = simulateChannel();
    const [backend] = simulated.backends;
    backend.onCall = UNAVAILABLE;
    const { run } = callInProgress(simulated.clock, new Map([["grpc-previous-rpc-attempts", "1"]]));
    expect(await run(() => simulated.read())).toMatchObject({ code: Code.Unavailable });
    expect(backend.calls).toHaveLength(1);
    backend.onCall = inTurn(refuse);
    expect(await run(() => simulated.read())).toMatchObject({ code: undefined }); // what was not processed is no retry
  });
});

test("another attempt is made at another backend, if there is one", async () => {
  for (let seed = 1; seed <= 20; seed++) {
    await using simulated = simulateChannel({ count: 2, seed });
    await simulated.act();
    await simulated.clock.advance(10);
    const [one, other] = simulated.backends;
    one.onCall = UNAVAILABLE;
    const failedBefore = one.calls.length;
    for (let call = 0; call < 4; call++) expect(await simulated.read()).toMatchObject({ code: undefined });
    expect(one.calls.length - failedBefore).toBe(simulated.channel.stats().retriesStarted);
    expect(other?.calls.length).toBeGreaterThan(0);
  }
});

describe("a server's word on retries counts", () => {
  const pushback = (value: string) => inTurn(fail(Code.Unavailable, { "grpc-retry-pushback-ms": value }));

  test("when it names a time", async () => {
    await using simulated = simulateChannel();
    simulated.backends[0].onCall = pushback("300");
    expect(await simulated.read()).toMatchObject({ code: undefined, settledAt: 303 });
  });

  test("up to a minute, beyond which it is: never", async () => {
    await using simulated = simulateChannel({ timeoutMs: Number.POSITIVE_INFINITY });
    simulated.backends[0].onCall = pushback("60000");
    expect(await simulated.read()).toMatchObject({ code: undefined, settledAt: 60_003 });
    simulated.backends[0].onCall = pushback("60001");
    expect(await simulated.read()).toMatchObject({ code: Code.Unavailable, settledAt: 60_004 });
  });

  test.each(["-1", "soon", "", "1.5"])('when it says "%s", which is: never', async (value) => {
    await using simulated = simulateChannel();
    simulated.backends[0].onCall = pushback(value);
    expect(await simulated.read()).toMatchObject({ code: Code.Unavailable, settledAt: 2 });
  });

  test("and is no way past the deadline", async () => {
    await using simulated = simulateChannel();
    simulated.backends[0].onCall = pushback("500");
    expect(await simulated.read({ timeoutMs: 400 })).toMatchObject({ code: Code.Unavailable, settledAt: 2 });
  });
});

describe("a call that whoever hears of its retry ends", () => {
  const unary = ({ client }: SimulatedChannel, signal: AbortSignal) => client.read({ text: "x" }, { signal });
  const stream = ({ client }: SimulatedChannel, signal: AbortSignal) =>
    client.watch({ text: "x" }, { signal })[Symbol.asyncIterator]().next();
  async function* task() {
    yield { text: "x" };
  }
  const repeatable = { ...BehaviourService.method.watch, idempotency: MethodOptions_IdempotencyLevel.IDEMPOTENT };
  const repeatableStream = ({ channel }: SimulatedChannel, signal: AbortSignal) =>
    channel.stream(repeatable, signal, undefined, undefined, task());
  const comeBackLater = fail(Code.Unavailable, { "grpc-retry-pushback-ms": "60000" });

  test.each([
    ["a unary call that was refused", unary, refuse],
    ["a unary call that has failed", unary, comeBackLater],
    ["a stream that was refused", stream, refuse],
    ["a stream that has failed", repeatableStream, comeBackLater],
  ])("is not made again, and nothing waits for that: %s", async (_what, call, deed) => {
    await using simulated = simulateChannel({ timeoutMs: Number.POSITIVE_INFINITY });
    const { clock, channel, backends } = simulated;
    backends[0].onCall = deed;
    const controller = new AbortController();
    const onRetry = () => controller.abort();
    subscribe("portico:client:retry", onRetry);
    const outcome = await simulated.outcome(() => call(simulated, controller.signal));
    unsubscribe("portico:client:retry", onRetry);
    expect(outcome).toMatchObject({ code: Code.Canceled, settledAt: 2 });
    await clock.advance(59_999); // the target is quiet, and the time for another attempt has not come
    expect(clock.timers).toBe(0);
    await clock.advance(1000);
    expect(backends[0].calls).toHaveLength(1);
    expect(channel.stats()).toMatchObject({ callsActive: 0, backends: [{ callsActive: 0 }] });
  });
});

describe("the budget of retries", () => {
  async function failingCalls(simulated: SimulatedChannel, count: number, everyMs: number): Promise<number> {
    const { clock, client, begin } = simulated;
    const outcomes: Outcome[] = [];
    for (let call = 0; call < count; call++) {
      outcomes.push(begin(() => client.read({ text: "x" })));
      await clock.advance(everyMs);
    }
    await clock.advance(1000);
    expect(new Set(outcomes.map(({ code }) => code))).toEqual(new Set([Code.Unavailable]));
    return simulated.backends.reduce((sum, { calls }) => sum + calls.length, 0);
  }

  test("has 2,000 calls that all fail come to 1.1 times as many attempts and its floor, no more", async () => {
    await using simulated = simulateChannel({ count: 2 });
    for (const backend of simulated.backends) backend.onCall = UNAVAILABLE;
    const attempts = await failingCalls(simulated, 2000, 2);
    const floor = 10; // once in ten seconds, and they take four
    console.log(`2,000 calls that fail: ${attempts} attempts, of which the floor allows ${floor}`);
    expect((attempts - floor) / 2000).toBeLessThanOrEqual(1.1);
    expect(attempts).toBeGreaterThan(2000 + 150);
    expect(simulated.channel.stats().retriesRefused).toBeGreaterThan(1500);
  });

  test("lets a quiet channel make its floor", async () => {
    await using simulated = simulateChannel();
    simulated.backends[0].onCall = UNAVAILABLE;
    expect(await failingCalls(simulated, 3, 100)).toBe(9);
  });

  test("is as the options have it", async () => {
    await using simulated = simulateChannel({ retryBudget: { ratio: 0, floor: 1 } });
    simulated.backends[0].onCall = UNAVAILABLE;
    expect(await failingCalls(simulated, 10, 10)).toBe(11);
  });
});
