import { certificateGuard } from "../../src/builtin/certificate-guard.ts";
import { systemClock } from "../../src/call/clock.ts";
import type { Logger } from "../../src/call/logger.ts";
import { createTasks } from "../../src/call/tasks.ts";
import type { PortLimits } from "../../src/server/limits.ts";
import { createPort } from "../../src/server/port.ts";
import { trustedProxies } from "../../src/server/proxies.ts";
import { keepCallsYoung } from "../../src/service/young-calls.ts";
import type { Implementation } from "../../src/wire/implement.ts";
import { rpcHandler } from "../../src/wire/rpc.ts";
import { announce, tlsOptions } from "./arguments.ts";

const fail = (...what: readonly unknown[]) => console.error(...what);
const nothing = () => undefined;
const log: Logger = { debug: nothing, info: nothing, warn: fail, error: fail };

/** Serves RPCs by our port, without what a service adds: no rules, interceptors, request id or record of calls. */
export async function serveBare(
  implementations: readonly Implementation[],
  limits?: Partial<PortLimits>,
): Promise<void> {
  keepCallsYoung();
  const port = createPort({
    handlers: [
      ...(tlsOptions?.clientCa === undefined ? [] : [certificateGuard(true)]),
      rpcHandler({
        implementations,
        interceptors: [],
        deadlines: { defaultMs: Number.POSITIVE_INFINITY, maxMs: Number.POSITIVE_INFINITY },
        readMaxBytes: 4 * 1024 * 1024,
      }),
    ],
    upgrades: false,
    log,
    clock: systemClock,
    tasks: createTasks(log),
    trustedProxies: trustedProxies([]),
    companionHeaders: [],
    limits,
    tls: tlsOptions,
    answersRequestId: false,
  });
  announce(await port.listen("127.0.0.1", 0));
}
