import { Code, createContextValues } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  type SimulatedChannel,
  type SimulationOptions,
  simulateChannel,
  simulateResolver,
} from "../../test/simulation/simulated-channel.ts";
import { fail, REFUSE, SAY_NOTHING } from "../../test/simulation/simulated-network.ts";
import { waitForReady } from "./calls/call-manner.ts";

// The clock alone moves time: what else is set, such as what keeps the process alive, is counted.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
});
afterEach(() => {
  vi.useRealTimers();
});

const patient = { contextValues: createContextValues().set(waitForReady, true) };
const hedgingPolicy = { maxAttempts: 3, hedgingDelay: "10s", nonFatalStatusCodes: [] };
const read = ({ client }: SimulatedChannel) => client.read({ text: "x" }, patient);

interface Waiting {
  readonly what: string;
  readonly options?: SimulationOptions;
  /** What the backend does. */
  readonly prepare?: (simulated: SimulatedChannel) => void;
  readonly call?: (simulated: SimulatedChannel) => Promise<unknown>;
  readonly forMs?: number;
}

const waits: readonly Waiting[] = [
  { what: "for the target to be resolved", options: { resolver: simulateResolver() } },
  {
    what: "for a connection that gets nowhere",
    prepare: ({ backends: [backend] }) => {
      backend.onConnect = SAY_NOTHING;
    },
    forMs: 1000,
  },
  {
    what: "for the next attempt to connect",
    prepare: ({ backends: [backend] }) => {
      backend.onConnect = REFUSE;
    },
    forMs: 2000,
  },
  {
    what: "for a place on a connection",
    prepare: ({ backends: [backend] }) => {
      backend.maxCalls = 0;
    },
  },
  {
    what: "for an answer",
    prepare: ({ backends: [backend] }) => {
      backend.onCall = SAY_NOTHING;
    },
  },
  {
    what: "for the answer of a stream",
    prepare: ({ backends: [backend] }) => {
      backend.onCall = (call) => call.head();
    },
    call: async ({ client }) => {
      async function* messages() {
        yield { text: "a" };
        await new Promise(() => undefined);
      }
      for await (const _report of client.converse(messages())) expect.unreachable();
    },
  },
  {
    what: "for the time of a retry",
    prepare: ({ backends: [backend] }) => {
      backend.onCall = fail(Code.Unavailable, { "grpc-retry-pushback-ms": "20000" });
    },
  },
  {
    what: "for the time of a hedge",
    options: { serviceConfig: { methodConfig: [{ name: [{}], hedgingPolicy }] } },
    prepare: ({ backends: [backend] }) => {
      backend.onCall = SAY_NOTHING;
    },
  },
];

describe("a channel that is closed while a call waits", () => {
  test.each(waits)(
    "$what ends it at once, and leaves nothing",
    async ({ options, prepare, call = read, forMs = 50 }) => {
      const simulated = simulateChannel(options);
      prepare?.(simulated);
      const { clock, channel } = simulated;
      const outcomes = Array.from({ length: 3 }, () => simulated.begin(() => call(simulated)));
      await clock.advance(forMs);
      expect(outcomes.map(({ settledAt }) => settledAt)).toEqual([undefined, undefined, undefined]);
      await channel[Symbol.asyncDispose]();
      await clock.settle();
      expect(outcomes.map(({ code, settledAt }) => [code, settledAt])).toEqual(
        outcomes.map(() => [Code.Unavailable, forMs]),
      );
      expect(clock.timers).toBe(0);
      expect(vi.getTimerCount()).toBe(0);
      expect(channel.stats()).toMatchObject({ state: "closed", callsActive: 0, callsWaiting: 0, callsFailed: 3 });
      for (const { connections } of simulated.backends) {
        expect(connections.filter(({ state }) => state !== "closed")).toEqual([]);
      }
    },
  );
});

describe("a channel that is closed leaves no timer", () => {
  test("while a backend is ejected", async () => {
    const simulated = simulateChannel({ count: 2, balancing: "round_robin" });
    await simulated.act();
    await simulated.clock.advance(10);
    simulated.backends[0].onCall = fail(Code.Internal);
    for (let call = 0; call < 12; call++) await simulated.act();
    expect(simulated.channel.stats().ejectionsStarted).toBe(1);
    await simulated.channel[Symbol.asyncDispose]();
    await simulated.clock.settle();
    expect([simulated.clock.timers, vi.getTimerCount()]).toEqual([0, 0]);
  });

  test("while an ejected backend is asked for its health", async () => {
    const simulated = simulateChannel({ count: 2, balancing: "round_robin" });
    const [bad] = simulated.backends;
    await simulated.act();
    await simulated.clock.advance(10);
    bad.onCall = fail(Code.Internal);
    bad.onHealthCheck = SAY_NOTHING;
    for (let call = 0; call < 12; call++) await simulated.act();
    await simulated.clock.advanceUntil(() => bad.healthChecks.length > 0);
    await simulated.channel[Symbol.asyncDispose]();
    await simulated.clock.settle();
    expect([simulated.clock.timers, vi.getTimerCount()]).toEqual([0, 0]);
  });

  test("while a connection has to give a sign of life", async () => {
    const simulated = simulateChannel();
    simulated.backends[0].onCall = SAY_NOTHING;
    simulated.backends[0].answersPings = false;
    await simulated.act({ timeoutMs: 100 });
    expect(simulated.backends[0].connections[0]?.pings).toBe(1);
    await simulated.channel[Symbol.asyncDispose]();
    await simulated.clock.settle();
    expect([simulated.clock.timers, vi.getTimerCount()]).toEqual([0, 0]);
  });

  test("while a backend that was removed finishes its calls", async () => {
    const resolver = simulateResolver();
    const simulated = simulateChannel({ count: 2, resolver });
    simulated.backends[0].onCall = SAY_NOTHING;
    const call = simulated.begin(() => simulated.client.act({ text: "x" }));
    await simulated.clock.settle();
    resolver.find("10.0.0.1:1");
    await simulated.clock.advance(10);
    resolver.find("10.0.0.2:1");
    await simulated.clock.advance(10);
    await simulated.channel[Symbol.asyncDispose]();
    await simulated.clock.settle();
    expect(call).toMatchObject({ code: Code.Unavailable, settledAt: 20 });
    expect([simulated.clock.timers, vi.getTimerCount()]).toEqual([0, 0]);
  });
});
