import { NameService } from "../../gen/name/v1/name_pb.js";
import { systemClock } from "../../src/call/clock.ts";
import type { Logger } from "../../src/call/logger.ts";
import { createTasks } from "../../src/call/tasks.ts";
import { createPort } from "../../src/server/port.ts";
import { trustedProxies } from "../../src/server/proxies.ts";
import { keepCallsYoung } from "../../src/service/young-calls.ts";
import { implement } from "../../src/wire/implement.ts";
import { rpcHandler } from "../../src/wire/rpc.ts";
import { announce, tlsOptions } from "./arguments.ts";
import { names } from "./names.ts";
import { RepeatService, repeat } from "./repeat.ts";

// Our port and our RPCs, without what a service adds: no rules, interceptors, request id or record of calls.

keepCallsYoung();

const fail = (...what: readonly unknown[]) => console.error(...what);
const nothing = () => undefined;
const log: Logger = { debug: nothing, info: nothing, warn: fail, error: fail };

const port = createPort({
  handlers: [
    rpcHandler({
      implementations: [implement(NameService, names), implement(RepeatService, repeat)],
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
  tls: tlsOptions,
  answersRequestId: false,
});
announce(await port.listen("127.0.0.1", 0));
