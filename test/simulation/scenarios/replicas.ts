import type { VirtualScenario } from "../fault-run.ts";
import { allSucceed, connectionsOf, failed, resetAll, setConnecting, someFail } from "./stage.ts";

/** What happens to one backend, or to all. */
export const replicas: readonly VirtualScenario[] = [
  {
    name: "name that stops resolving",
    faultMs: 600,
    begin: (stage) => {
      stage.resolver.listener?.onError(new Error("orders cannot be looked up: SERVFAIL"));
    },
    end: ({ resolver, names }) => resolver.find(...names),
    complaints: allSucceed,
  },
  {
    name: "replica added and removed",
    count: 3,
    faultMs: 600,
    begin: ({ resolver, names: [, b = "", c = ""] }) => resolver.find(b, c),
    end: ({ resolver, names: [a = "", b = ""] }) => resolver.find(a, b),
    complaints: allSucceed,
  },
  {
    name: "one replica 50 times slower",
    count: 2,
    faultMs: 1000,
    begin: ({ backends: [{ temper }] }) => {
      temper.delayMs = 200;
    },
    end: ({ backends: [{ temper }] }) => {
      temper.delayMs = 4;
    },
    complaints: allSucceed,
  },
  {
    name: "one replica answering errors",
    count: 2,
    faultMs: 1500,
    begin: ({ backends: [{ temper }] }) => {
      temper.isFailing = true;
    },
    end: ({ backends: [{ temper }] }) => {
      temper.isFailing = false;
    },
    complaints: (run) => (failed(run).length <= 5 ? someFail(run) : [`${failed(run).length} calls failed`]),
  },
  {
    name: "all replicas down and back",
    count: 3,
    faultMs: 1500,
    begin: (stage) => {
      setConnecting(stage, "refuse");
      resetAll(stage);
    },
    end: (stage) => setConnecting(stage, "accept"),
    complaints: someFail,
  },
];

/** Servers that allow few streams at a time. */
export const limits: readonly VirtualScenario[] = [
  {
    name: "stream limit of 10: 100 calls of 100 ms",
    isThereFirst: true,
    faultMs: 400,
    begin: (stage) => {
      const [{ temper }] = stage.backends;
      temper.maxStreams = 10;
      temper.delayMs = 100;
      stage.clock.schedule(100, () => stage.burst(100, "once", 2000));
    },
    complaints: (run) => {
      const burst = run.calls.filter(({ isOfBurst }) => isOfBurst);
      const tookMs = Math.max(
        ...burst.map(({ startedAt, settledAt = Number.POSITIVE_INFINITY }) => settledAt - startedAt),
      );
      return [...allSucceed(run), ...(tookMs < 250 ? [] : [`the burst took ${tookMs} ms`])];
    },
  },
  {
    name: "stream limit of 1",
    isThereFirst: true,
    faultMs: 1000,
    begin: ({ backends: [{ temper }] }) => {
      temper.maxStreams = 1;
    },
    complaints: allSucceed,
  },
  {
    name: "stream limit of 0, then 100",
    isThereFirst: true,
    faultMs: 800,
    begin: ({ backends: [{ temper }] }) => {
      temper.maxStreams = 0;
    },
    end: (stage) => {
      stage.backends[0].temper.maxStreams = 100;
      for (const { server } of connectionsOf(stage)) server.allow(100);
    },
    complaints: someFail,
  },
];
