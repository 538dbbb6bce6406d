import type { Backend } from "../backend.ts";
import { startReplicas } from "../backend.ts";
import { type BackendProcess, startBackendProcess } from "../backend-process.ts";
import { startChaosProxy } from "../chaos-proxy.ts";
import { allSucceed, happened, shareOf } from "../facts.ts";
import type { Facts, Scenario, Stage } from "../scenario.ts";

/** What a replica that is slow, or fails, may still get of the calls. */
const SMALL_SHARE = 0.2;
/** How long a client has to find that out, in milliseconds. */
const NOTICE_MS = 600;
const SLOW_TIMES = 50;

type Pair = [BackendProcess, BackendProcess]; // as many as are made

async function twoReplicas({ use }: Stage) {
  const [first, second] = (await startReplicas(2)).map(use) as [Backend, Backend]; // as many as were asked for
  const target = { port: first.port, addresses: [first.address, second.address] };
  return { first, second, setting: { target, backends: [first, second] } };
}

function share({ served }: Backend, facts: Facts): number {
  return shareOf(served, facts.served, facts.beganMs + NOTICE_MS, facts.endedMs);
}

function smallShare(replica: Backend, facts: Facts): readonly string[] {
  return share(replica, facts) <= SMALL_SHARE ? [] : [`it kept ${percent(share(replica, facts))} of the calls`];
}

function percent(part: number): string {
  return `${Math.round(part * 100)}%`;
}

/** What happens to replicas, where a service has several. */
export const replicas: readonly Scenario[] = [
  {
    name: "kill -9 and restart on the same port",
    faultMs: 500,
    async open({ use }) {
      const [first, second] = (await Promise.all([startBackendProcess(), startBackendProcess()])).map(use) as Pair;
      const port = await first.listen();
      return {
        target: { port, addresses: ["127.0.0.1"] },
        backends: [first, second],
        begin: () => first.kill(),
        end: async () => void (await second.listen(port)),
        complaints: ({ served, endedMs }) =>
          happened(served.filter(({ atMs }) => atMs > endedMs).length, "call came back"),
      };
    },
  },
  {
    name: "one replica 50 times slower",
    faultMs: 1600,
    async open(stage) {
      const { first, setting } = await twoReplicas(stage);
      const { delayMs } = first.temper;
      return {
        ...setting,
        begin() {
          first.temper.delayMs = delayMs * SLOW_TIMES;
        },
        end() {
          first.temper.delayMs = delayMs;
        },
        complaints: (facts) => [...allSucceed(facts.calls), ...smallShare(first, facts)],
        remarks: (facts) => [`its share: ${percent(share(first, facts))}`],
      };
    },
  },
  {
    name: "one replica answers errors",
    faultMs: 1600,
    async open(stage) {
      const { first, setting } = await twoReplicas(stage);
      return {
        ...setting,
        begin() {
          first.temper.isFailing = true;
        },
        end() {
          first.temper.isFailing = false;
        },
        complaints: (facts) => smallShare(first, facts),
        remarks: (facts) => [`its share: ${percent(share(first, facts))}`],
      };
    },
  },
  {
    name: "all replicas down and back",
    faultMs: 1200,
    async open(stage) {
      const { use } = stage;
      const { first, second, setting } = await twoReplicas(stage);
      const near = use(await startChaosProxy({ to: first }));
      const far = use(await startChaosProxy({ to: second, address: "127.0.0.2", port: near.port }));
      return {
        ...setting,
        target: { port: near.port, addresses: ["127.0.0.1", "127.0.0.2"] },
        begin: async () => void (await Promise.all([near.shut(), far.shut()])),
        end: async () => void (await Promise.all([near.reopen(), far.reopen()])),
        complaints: ({ served, beganMs, endedMs }) => [
          ...happened(served.filter(({ atMs }) => atMs > endedMs).length, "call came after it"),
          ...(served.some(({ atMs }) => atMs > beganMs + 100 && atMs < endedMs) ? ["a call was served in it"] : []),
        ],
      };
    },
  },
  {
    name: "all replicas answer errors: 2,000 calls",
    faultMs: 5000,
    plan: { callsPerSecond: 400, turns: ["idempotent"], unaryTimeoutMs: 1000 },
    async open(stage) {
      const { first, second, setting } = await twoReplicas(stage);
      const failing = (isFailing: boolean) => {
        for (const { temper } of [first, second]) temper.isFailing = isFailing;
      };
      return {
        ...setting,
        begin: () => failing(true),
        end: () => failing(false),
        complaints: isNotAmplified,
        remarks: amplification,
      };
    },
  },
];

/** What a retry budget allows: a tenth of the calls, and its floor. */
const [MAX_AMPLIFICATION, FLOOR] = [1.1, 10];

/** How many calls began before the replicas were well again, and how often they came to one without the floor. */
function amplified({ calls, served, endedMs }: Facts): { readonly made: number; readonly came: number } {
  const made = calls.filter(({ startedMs }) => startedMs <= endedMs).length;
  const came = served.filter(({ atMs }) => atMs <= endedMs).length;
  return { made, came: came > made ? Math.max(made, came - FLOOR) : came };
}

function isNotAmplified(facts: Facts): readonly string[] {
  const { made, came } = amplified(facts);
  return came <= made * MAX_AMPLIFICATION ? [] : [`${made} calls came ${came} times`];
}

function amplification(facts: Facts): readonly string[] {
  const { made, came } = amplified(facts);
  const retries = facts.report.stats?.["retriesStarted"];
  return [
    `amplification ${(came / made).toFixed(3)}, without a floor of ${FLOOR}`,
    ...(retries === undefined ? [] : [`${retries} retries`]),
  ];
}
