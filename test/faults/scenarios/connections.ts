import { failAtOnce, failed, happened, inFault } from "../facts.ts";
import type { Scenario } from "../scenario.ts";
import { behindProxy } from "./proxied.ts";

/** What calls take where some are to be under way, at the pace of the load. */
const UNDER_WAY_MS = 120;

/** What happens to connections that are there. */
export const connections: readonly Scenario[] = [
  {
    // The connection stays dead for good, and others go well. The fault lasts for what a client needs to find out: the first
    // deadline, and a second for an answer to a ping.
    name: "black-holed connection",
    faultMs: 1600,
    async open(stage) {
      const { proxy, setting } = await behindProxy(stage);
      return {
        ...setting,
        begin: () => proxy.treat("swallow"),
        end: () => undefined,
        complaints: () => happened(proxy.withheld, "byte was swallowed"),
      };
    },
  },
  {
    name: "network that stands still for a second",
    faultMs: 1000,
    async open(stage) {
      const { proxy, setting } = await behindProxy(stage);
      const treatAll = (treatment: "hold" | "pass") => {
        proxy.treatNew(treatment);
        proxy.treat(treatment);
      };
      return {
        ...setting,
        begin: () => treatAll("hold"),
        end: () => treatAll("pass"),
        complaints: (facts) => happened(failed(inFault(facts)).length, "call failed in it"),
      };
    },
  },
  {
    name: "half-closed socket",
    faultMs: 0,
    async open(stage) {
      const { backend, proxy, setting } = await behindProxy(stage);
      backend.temper.delayMs = UNDER_WAY_MS;
      return {
        ...setting,
        begin: () => proxy.halfClose(),
        end: () => undefined,
        complaints: ({ calls, beganMs }) => {
          const underWay = calls.filter(
            ({ startedMs, settledMs = Number.POSITIVE_INFINITY, kind }) =>
              startedMs < beganMs && settledMs > beganMs && kind !== "idempotent",
          );
          return [...happened(failed(underWay).length, "call was lost"), ...failAtOnce(underWay, 150, beganMs)];
        },
      };
    },
  },
  {
    name: "connection reset",
    faultMs: 0,
    async open(stage) {
      const { backend, proxy, setting } = await behindProxy(stage);
      backend.temper.delayMs = UNDER_WAY_MS;
      return {
        ...setting,
        begin: () => proxy.reset(),
        end: () => undefined,
        complaints: ({ calls }) => happened(failed(calls).length, "call was lost"),
      };
    },
  },
  {
    // Every connection ends in the middle of an answer, until they do no longer.
    name: "body cut in a frame",
    faultMs: 600,
    async open(stage) {
      const { backend, proxy, setting } = await behindProxy(stage);
      backend.temper.fillingBytes = 3000;
      return {
        ...setting,
        begin: () => proxy.cutAfter(2000),
        end: () => proxy.cutAfter(undefined),
        complaints: (facts) => happened(failed(inFault(facts)).length, "call failed in it"),
      };
    },
  },
];
