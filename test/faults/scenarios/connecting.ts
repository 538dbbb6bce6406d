import { makeCertificates } from "../../support/certificates.ts";
import { startBackend } from "../backend.ts";
import { startChaosProxy } from "../chaos-proxy.ts";
import { failed, happened, inFault } from "../facts.ts";
import type { Scenario } from "../scenario.ts";
import { startStoppableProxy } from "../stoppable-proxy.ts";
import { startTlsFront } from "../tls-front.ts";
import { behindProxy } from "./proxied.ts";

const { authority, server } = await makeCertificates();

/** What goes wrong before a connection is there. */
export const connecting: readonly Scenario[] = [
  {
    // A connection that finds no place is asked for again by the system after 1, 2 and 3 s, or, before Linux 6.5, 1 and 3.
    name: "full accept backlog",
    isThereFirst: true,
    faultMs: 2600,
    async open({ use }) {
      const backend = use(await startBackend());
      const proxy = use(await startStoppableProxy(backend.port));
      return {
        target: { port: proxy.port, addresses: ["127.0.0.1"] },
        backends: [backend],
        begin: proxy.stop,
        end: proxy.resume,
        complaints: (facts) => happened(failed(inFault(facts)).length, "call failed in it"),
      };
    },
  },
  {
    name: "stalled TLS handshake",
    isThereFirst: true,
    faultMs: 1500,
    async open({ use }) {
      const backend = use(await startBackend());
      const front = use(await startTlsFront(backend.port, server));
      const proxy = use(await startChaosProxy({ to: front }));
      return {
        target: { port: proxy.port, addresses: ["127.0.0.1"], authority: authority.cert },
        backends: [backend],
        begin: () => proxy.treatNew("hold"),
        end() {
          proxy.treatNew("pass");
          proxy.treat("pass");
        },
        complaints: ({ served, endedMs }) =>
          served.some(({ atMs }) => atMs < endedMs) ? ["the fault never happened: a call was served in it"] : [],
      };
    },
  },
  {
    name: "SETTINGS never sent",
    isThereFirst: true,
    faultMs: 1500,
    async open(stage) {
      const { proxy, setting } = await behindProxy(stage);
      return {
        ...setting,
        begin: () => proxy.treatNew("swallow"),
        end() {
          proxy.treatNew("pass");
          proxy.reset();
        },
        complaints: () => happened(proxy.withheld, "byte was swallowed"),
      };
    },
  },
];
