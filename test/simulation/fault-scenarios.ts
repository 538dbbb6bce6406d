import type { VirtualScenario } from "./fault-run.ts";
import { connecting, connections } from "./scenarios/connections.ts";
import { goAways } from "./scenarios/goaway.ts";
import { messages } from "./scenarios/messages.ts";
import { limits, replicas } from "./scenarios/replicas.ts";

/** The faults of connections over HTTP/2 that need no socket; TLS and processes are in test/faults. */
export const VIRTUAL_SCENARIOS: readonly VirtualScenario[] = [
  ...connecting,
  ...connections,
  ...messages,
  ...goAways,
  ...replicas,
  ...limits,
];
