import type { Backend } from "../backend.ts";
import { startReplicas } from "../backend.ts";
import { startChaosProxy } from "../chaos-proxy.ts";
import { allSucceed, happened } from "../facts.ts";
import type { Scenario } from "../scenario.ts";

/** What happens to the name of a service, and to who is behind it. */
export const names: readonly Scenario[] = [
  {
    // A name server that fails is no reason to leave addresses that are fine: the connection is lost, and the name is not
    // found when the client would connect again.
    name: "name that stops resolving",
    faultMs: 1000,
    async open({ use, caller }) {
      const name = "lost.faults.test";
      const [backend] = (await startReplicas(1)).map(use) as [Backend]; // as many as were asked for
      const proxy = use(await startChaosProxy({ to: backend }));
      await caller.setName(name, ["127.0.0.1"]);
      return {
        target: { port: proxy.port, addresses: ["127.0.0.1"], name },
        backends: [backend],
        async begin() {
          await caller.setName(name, []);
          proxy.reset();
        },
        end: () => caller.setName(name, ["127.0.0.1"]),
      };
    },
  },
  {
    name: "replica added, then another removed",
    faultMs: 900,
    async open({ use, caller, client }) {
      const name = "changing.faults.test";
      const [first, second, third] = (await startReplicas(3)).map(use) as [Backend, Backend, Backend]; // as above
      await caller.setName(name, [first.address, second.address]);
      return {
        target: { port: first.port, addresses: [first.address, second.address], name, isTold: true },
        backends: [first, second, third],
        begin: () => caller.setName(name, [first.address, second.address, third.address]),
        async end() {
          await caller.setName(name, [second.address, third.address]);
          await first.stop();
        },
        complaints: ({ calls, served, beganMs, endedMs }) => [
          ...happened(served.filter(({ atMs }) => atMs > endedMs).length, "call came after it"),
          ...allSucceed(calls),
          ...(client.library === "portico" ? isUsed(third, beganMs, endedMs) : []),
        ],
        remarks: ({ endedMs }) => [
          `${third.served.filter(({ atMs }) => atMs > endedMs).length} calls came to the new one`,
        ],
      };
    },
  },
];

/** Of a client that is told of a replica, calls come to it. */
function isUsed({ served }: Backend, beganMs: number, endedMs: number): readonly string[] {
  const came = served.filter(({ atMs }) => atMs >= beganMs && atMs <= endedMs).length;
  return came > 0 ? [] : ["no call came to the new replica before the other one left"];
}
