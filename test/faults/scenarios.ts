import type { Scenario } from "./scenario.ts";
import { connecting } from "./scenarios/connecting.ts";
import { connections } from "./scenarios/connections.ts";
import { goAways } from "./scenarios/goaway.ts";
import { limits } from "./scenarios/limits.ts";
import { messages } from "./scenarios/messages.ts";
import { names } from "./scenarios/names.ts";
import { replicas } from "./scenarios/replicas.ts";
import { streams } from "./scenarios/streams.ts";

/** Everything that goes wrong here, in the order in which it is told of. */
export const SCENARIOS: readonly Scenario[] = [
  ...connecting,
  ...connections,
  ...streams,
  ...goAways,
  ...messages,
  ...names,
  ...replicas,
  ...limits,
];
