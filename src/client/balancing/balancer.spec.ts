import { Code, createContextValues } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { type Outcome, type SimulatedChannel, simulateChannel } from "../../../test/simulation/simulated-channel.ts";
import type { SimulatedConnection } from "../../../test/simulation/simulated-connection.ts";
import { ACCEPT, REFUSE, SAY_NOTHING } from "../../../test/simulation/simulated-network.ts";
import { waitForReady } from "../calls/call-manner.ts";

/** Makes `count` calls, one every millisecond, and waits for all. */
async function steadily({ clock, client, begin }: SimulatedChannel, count: number): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  for (let call = 0; call < count; call++) {
    outcomes.push(begin(() => client.read({ text: "x" })));
    await clock.advance(1);
  }
  await clock.advanceUntil(() => outcomes.every(({ settledAt }) => settledAt !== undefined));
  return outcomes;
}

/** Makes `count` calls at once. */
const atOnce = ({ client, begin }: SimulatedChannel, count: number, timeoutMs: number): readonly Outcome[] =>
  Array.from({ length: count }, () => begin(() => client.read({ text: "x" }, { timeoutMs })));

const codesOf = (outcomes: readonly Outcome[]) => outcomes.map(({ code }) => code);
const tookOf = (outcomes: readonly Outcome[]) =>
  outcomes.map(({ startedAt, settledAt = Number.POSITIVE_INFINITY }) => settledAt - startedAt);

describe("calls are spread over the backends that are ready", () => {
  test("exactly evenly by turns", async () => {
    await using simulated = simulateChannel({ count: 3, balancing: "round_robin" });
    await simulated.read(); // all are connected
    await steadily(simulated, 300);
    const counts = simulated.backends.map(({ calls }) => calls.length);
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
  });

  test.each([1, 2, 3])("evenly to the less busy of two, with seed %i", async (seed) => {
    await using simulated = simulateChannel({ count: 3, seed });
    for (const backend of simulated.backends) backend.answerMs = 8;
    await simulated.read();
    await steadily(simulated, 1500);
    for (const { calls } of simulated.backends) {
      expect(calls.length).toBeGreaterThan(450);
      expect(calls.length).toBeLessThan(550);
    }
  });

  test("so that one that is 50 times slower gets few of them", async () => {
    await using simulated = simulateChannel({ count: 2 });
    const [slow] = simulated.backends;
    slow.answerMs = 500;
    for (const backend of simulated.backends.slice(1)) backend.answerMs = 10;
    await steadily(simulated, 1000);
    expect(slow.calls.length).toBeLessThan(60);
  });
});

describe("where a peer takes few calls at once", () => {
  test("further connections are made, so that a burst is over in little more than the time of one call", async () => {
    await using simulated = simulateChannel();
    const [backend] = simulated.backends;
    backend.maxCalls = 10;
    backend.answerMs = 100;
    const outcomes = atOnce(simulated, 100, 1000);
    await simulated.clock.advance(1000);
    expect(new Set(codesOf(outcomes))).toEqual(new Set([undefined]));
    expect(backend.connections).toHaveLength(10);
    expect(Math.max(...tookOf(outcomes))).toBeLessThan(110);
  });

  test("no more connections are made than may be, and the others wait their turn", async () => {
    await using simulated = simulateChannel({ maxConnectionsPerBackend: 4 });
    const [backend] = simulated.backends;
    backend.maxCalls = 1;
    backend.answerMs = 10;
    const outcomes = atOnce(simulated, 20, 1000);
    await simulated.clock.advance(1000);
    expect(new Set(codesOf(outcomes))).toEqual(new Set([undefined]));
    expect(backend.connections).toHaveLength(4);
    expect(tookOf(outcomes)).toEqual(tookOf(outcomes).toSorted((a, b) => a - b));
    expect(Math.max(...tookOf(outcomes))).toBeLessThan(60);
  });

  /** A connection that carries all it can for good, and a call that waits for another one. */
  async function beyondTheFirst(onConnect: (connection: SimulatedConnection) => void) {
    const simulated = simulateChannel();
    const [backend] = simulated.backends;
    backend.maxCalls = 1;
    backend.onCall = (call) => (call === backend.calls[0] ? undefined : call.answer());
    simulated.begin(() => simulated.client.act({ text: "x" }));
    await simulated.clock.advance(10);
    backend.onConnect = (connection) => (connection === backend.connections[1] ? onConnect : ACCEPT)(connection);
    const waiting = simulated.begin(() => simulated.client.act({ text: "x" }));
    return { ...simulated, backend, waiting };
  }

  test("another further connection is made after one that could not be", async () => {
    await using simulated = await beyondTheFirst(REFUSE);
    const { clock, waiting, backend } = simulated;
    await clock.advance(60); // the first back-off
    expect(waiting).toMatchObject({ settledAt: expect.any(Number), code: undefined });
    expect(backend.connections.map(({ state }) => state)).toEqual(["ready", "closed", "ready"]);
  });

  test("another further connection is made beside one that gets nowhere for 400 to 800 ms", async () => {
    await using simulated = await beyondTheFirst(SAY_NOTHING);
    const { clock, waiting, backend } = simulated;
    await clock.advance(1000);
    const [, second = 0, third = 0] = backend.connections.map(({ startedAt }) => startedAt);
    expect(third - second).toBeGreaterThanOrEqual(400);
    expect(third - second).toBeLessThan(800);
    expect(waiting).toMatchObject({ settledAt: third + 2, code: undefined });
  });

  test("calls wait while it takes none, and no connection is made for that", async () => {
    await using simulated = simulateChannel();
    const [backend] = simulated.backends;
    backend.maxCalls = 0;
    const outcomes = atOnce(simulated, 50, 1000);
    await simulated.clock.advance(500);
    expect(simulated.channel.stats()).toMatchObject({ callsWaiting: 50, connectionsStarted: 1 });
    backend.connections[0]?.allow(100);
    await simulated.clock.advance(10);
    expect(Math.max(...tookOf(outcomes))).toBeLessThanOrEqual(502);
  });

  test("each that waits has its own deadline, and says what it waited for", async () => {
    await using simulated = simulateChannel();
    simulated.backends[0].maxCalls = 0;
    const outcomes = [300, 100, 200].flatMap((timeoutMs) => atOnce(simulated, 1, timeoutMs));
    await simulated.clock.advance(1000);
    expect(tookOf(outcomes)).toEqual([300, 100, 200]);
    expect(codesOf(outcomes)).toEqual([Code.DeadlineExceeded, Code.DeadlineExceeded, Code.DeadlineExceeded]);
    expect(outcomes[0]?.error?.rawMessage).toContain("connecting 1 ms, waiting for a stream slot 299 ms");
    expect(simulated.channel.stats()).toMatchObject({ callsWaiting: 0 });
  });

  test("calls beyond those that may wait are refused at once", async () => {
    await using simulated = simulateChannel({ maxWaitingCalls: 10 });
    const [backend] = simulated.backends;
    backend.maxCalls = 1;
    backend.onCall = SAY_NOTHING;
    await simulated.clock.settle();
    const outcomes = atOnce(simulated, 12, 1000);
    await simulated.clock.settle();
    expect(codesOf(outcomes.slice(10))).toEqual([Code.ResourceExhausted, Code.ResourceExhausted]);
    expect(outcomes[11]?.error?.rawMessage).toBe("10 calls already wait for a connection to http://10.0.0.1:1");
    expect(simulated.channel.stats()).toMatchObject({ callsRefused: 2, callsWaiting: 10 });
  });
});

describe("where no backend can be reached", () => {
  const READY_LATER = { timeoutMs: 2000 };
  const waits = (does: boolean) => ({ ...READY_LATER, contextValues: createContextValues().set(waitForReady, does) });
  const config = (does: boolean) => ({ methodConfig: [{ name: [{}], waitForReady: does }] });

  /** A backend that cannot be reached for the first second. */
  function down(options: Parameters<typeof simulateChannel>[0] = {}) {
    const simulated = simulateChannel({ retry: false, ...options });
    const [backend] = simulated.backends;
    backend.onConnect = REFUSE;
    simulated.clock.schedule(1000, () => {
      backend.onConnect = (connection) => connection.accept();
    });
    return simulated;
  }

  test("calls fail with what became of the connections", async () => {
    await using simulated = down();
    const { code, error, settledAt } = await simulated.read(READY_LATER);
    expect([code, settledAt]).toEqual([Code.Unavailable, 1]);
    expect(error?.rawMessage).toMatch(/^the connection to 10\.0\.0\.1:1 could not be made: ECONNREFUSED \(target /);
    const next = await simulated.read(READY_LATER); // which does not wait for another try
    expect([next.code, next.settledAt]).toEqual([Code.Unavailable, 1]);
  });

  test.each([
    ["a call that asks for it", {}, waits(true)],
    ["the calls of a channel", { waitForReady: true }, READY_LATER],
    ["the calls of a method", { serviceConfig: config(true) }, READY_LATER],
  ])("%s waits until one is", async (_what, options, callOptions) => {
    await using simulated = down(options);
    const { code, settledAt = 0 } = await simulated.read(callOptions);
    expect(code).toBeUndefined();
    expect(settledAt).toBeGreaterThan(1000);
    expect(settledAt).toBeLessThan(1810); // the longest back-off
  });

  test.each([
    ["a call over its channel", { waitForReady: true }, waits(false)],
    ["a call over its method", { serviceConfig: config(true) }, waits(false)],
    ["a method over its channel", { waitForReady: true, serviceConfig: config(false) }, READY_LATER],
  ])("the word of %s counts", async (_what, options, callOptions) => {
    await using simulated = down(options);
    expect(await simulated.read(callOptions)).toMatchObject({ code: Code.Unavailable, settledAt: 1 });
  });

  test("one that waits has no longer than its deadline", async () => {
    await using simulated = down();
    const outcome = await simulated.read({ ...waits(true), timeoutMs: 700 });
    expect(outcome).toMatchObject({ code: Code.DeadlineExceeded, settledAt: 700 });
    expect(outcome.error?.rawMessage).toMatch(/connecting 700 ms.*last connection error: .*ECONNREFUSED/);
  });
});
