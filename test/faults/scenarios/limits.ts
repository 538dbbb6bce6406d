import { startBackend } from "../backend.ts";
import { allSucceed, happened } from "../facts.ts";
import { SETTING } from "../peer-link.ts";
import type { Facts, Scenario } from "../scenario.ts";
import { behindScript, http2Only } from "./scripted.ts";

/** What 100 calls of 100 ms may take where a connection carries ten of them, in milliseconds. */
const BURST_WITHIN_MS = 250;
const BURST = { calls: 100, kind: "once", timeoutMs: 2000, delayMs: 100 } as const;

/** Servers that allow few streams at a time. */
export const limits: readonly Scenario[] = [
  {
    name: "stream limit of 10: 100 calls of 100 ms",
    notFor: http2Only,
    faultMs: 400,
    async open({ use, caller }) {
      const backend = use(await startBackend({ limits: { streamsPerConnection: 10 } }));
      return {
        target: { port: backend.port, addresses: ["127.0.0.1"] },
        backends: [backend],
        begin: () => caller.burst(BURST),
        end: () => undefined,
        complaints(facts) {
          const tookMs = burstMs(facts);
          const isQuick = tookMs <= BURST_WITHIN_MS;
          return [
            ...allSucceed(facts.calls),
            ...(isQuick ? [] : [`the burst took ${tookMs} ms, not at most ${BURST_WITHIN_MS}`]),
          ];
        },
        remarks: (facts) => [`the burst took ${burstMs(facts)} ms`],
      };
    },
  },
  {
    name: "stream limit of 1",
    notFor: http2Only,
    faultMs: 1000,
    isThereFirst: true,
    async open({ use }) {
      const backend = use(await startBackend({ limits: { streamsPerConnection: 1 } }));
      return {
        target: { port: backend.port, addresses: ["127.0.0.1"] },
        backends: [backend],
        begin: () => undefined,
        end: () => undefined,
        complaints: ({ calls }) => allSucceed(calls),
      };
    },
  },
  {
    name: "stream limit of 0, then 100",
    notFor: http2Only,
    faultMs: 800,
    isThereFirst: true,
    async open(stage) {
      const { peer, setting } = await behindScript(stage);
      return {
        ...setting,
        begin: () => peer.announce(new Map([[SETTING.maxConcurrentStreams, 0]])),
        end: () => peer.announce(new Map([[SETTING.maxConcurrentStreams, 100]])),
        complaints: ({ served, endedMs }) => happened(served.filter(({ atMs }) => atMs > endedMs).length, "call came"),
      };
    },
  },
];

/** From the begin of a burst to its last answer. */
function burstMs({ calls }: Facts): number {
  const burst = calls.filter(({ isOfBurst }) => isOfBurst);
  const firstMs = Math.min(...burst.map(({ startedMs }) => startedMs));
  const lastMs = Math.max(...burst.map(({ settledMs = Number.POSITIVE_INFINITY }) => settledMs));
  return Math.round(lastMs - firstMs);
}
