import type { AddressInfo } from "node:net";
import { Code, ConnectError } from "@connectrpc/connect";
import type { DestinationStream } from "pino";
import { corsHandler } from "../builtin/cors.ts";
import { healthService } from "../builtin/health.ts";
import { hostGuard } from "../builtin/host-guard.ts";
import { probes } from "../builtin/probes.ts";
import { createReadiness, type Readiness } from "../builtin/readiness.ts";
import { reflectionServices } from "../builtin/reflection.ts";
import { type Clock, systemClock } from "../call/clock.ts";
import { runInService } from "../call/current.ts";
import { createTasks, type Tasks } from "../call/tasks.ts";
import { serviceInterceptors } from "../interceptors/index.ts";
import { accessLog } from "../observe/access-log.ts";
import { createLogger, type ServiceLogger } from "../observe/logger.ts";
import type { NodeExchange } from "../server/node-exchange.ts";
import { createPort, type Port } from "../server/port.ts";
import { trustedProxies } from "../server/proxies.ts";
import type { Handler } from "../wire/exchange.ts";
import type { Implementation } from "../wire/implement.ts";
import { rpcHandler } from "../wire/rpc.ts";
import { applicationHandler } from "./application.ts";
import { type BaseConfig, readConfiguration } from "./configuration.ts";
import type { Application, ConfigShape, ServiceDefinition } from "./definition.ts";
import { createResourceStack } from "./resources.ts";

/** What a service takes from the process that it runs in. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Takes the log's lines. */
  readonly destination: DestinationStream;
  /** The log is read on a terminal. */
  readonly terminal: boolean;
  readonly clock?: Clock;
}

export interface RunningService {
  readonly address: AddressInfo;
  readonly log: ServiceLogger;
  /**
   * Drains and stops, as the contract says: first not ready, then no further connections, then what is under way is
   * answered, and what is left at the end of the grace is cancelled; resources close last. The same promise every time.
   */
  stop(): Promise<void>;
}

/** Fields that travel on with every onward call, besides those that the configuration lists. */
const TRACE_HEADERS = ["traceparent", "tracestate", "baggage"];
const DEFAULT_MESSAGE_BYTES = 4 * 1024 * 1024;
/** What cancelled calls have left to be answered before their connections are cut, in milliseconds. */
const CANCELLATION_MS = 1000;

/**
 * Starts a service: reads its configuration, opens its resources in order, then its port.
 *
 * @throws ConfigurationError; what a resource throws; Error where the port cannot be opened. What was open is closed.
 */
export async function startService<C extends ConfigShape, R>(
  definition: ServiceDefinition<C, R>,
  surroundings: Surroundings,
): Promise<RunningService> {
  const clock = surroundings.clock ?? systemClock;
  const { config, hints } = readConfiguration(definition, surroundings.env);
  const log = createLogger({
    name: definition.name,
    level: config.LOG_LEVEL,
    format: config.LOG_FORMAT ?? (surroundings.terminal ? "pretty" : "json"),
    colors: surroundings.terminal,
    destination: surroundings.destination,
  });
  for (const hint of hints) {
    log.warn(hint);
  }
  const tasks = createTasks(log);
  const resources = createResourceStack();
  const closeResources = () =>
    resources.close().catch((error: unknown) => log.error({ err: error }, "a resource failed to close"));

  async function open(): Promise<RunningService> {
    const opened = await definition.resources?.({ config, log, use: resources.use });
    // Without `resources`, R is undefined.
    const application: Application<C, R> = { config, log, resources: opened as R };
    const readiness = createReadiness();
    const { port, implementations } = await assemble(definition, application, { clock, log, tasks, readiness });
    const address = await listen(port, config);
    readiness.set("serving");
    log.info(`action=start, status=success, address=${addressText(address)}`);
    noteBrowserLimits(log, implementations);
    const stop = stopOnce({ config, log, clock, tasks, readiness, port, closeResources });
    return { address, log, stop };
  }

  return runInService(tasks, async () => {
    try {
      return await open();
    } catch (error) {
      await closeResources();
      throw error;
    }
  });
}

interface Chassis {
  readonly clock: Clock;
  readonly log: ServiceLogger;
  readonly tasks: Tasks;
  readonly readiness: Readiness;
}

/** The handlers of the one port, in the order in which they are asked. */
async function assemble<C extends ConfigShape, R>(
  definition: ServiceDefinition<C, R>,
  application: Application<C, R>,
  { clock, log, tasks, readiness }: Chassis,
): Promise<{ readonly port: Port; readonly implementations: readonly Implementation[] }> {
  const { config } = application;
  const deadlines = {
    defaultMs: Math.min(config.DEFAULT_DEADLINE_MS, config.MAX_DEADLINE_MS),
    maxMs: config.MAX_DEADLINE_MS,
  };
  const development = config.NODE_ENV === "development";
  const companionHeaders = [...TRACE_HEADERS, ...config.PROPAGATE_HEADERS];
  const own = definition.routes?.(application) ?? [];
  const implementations = [...own, ...builtinServices(own, readiness, config.REFLECTION ?? development)];
  log.learn(implementations.map(({ service }) => service.file));
  const http = await definition.http?.(application);
  const handlers: Handler<NodeExchange>[] = [
    ...(development ? [hostGuard(config.ALLOWED_HOSTS)] : []),
    corsHandler({
      origins: config.CORS_ORIGINS,
      localhost: development,
      credentials: config.CORS_CREDENTIALS,
      requestHeaders: ["authorization", ...companionHeaders],
      log,
    }),
    probes(readiness),
    rpcHandler({
      implementations,
      interceptors: serviceInterceptors(definition.interceptors?.(application) ?? []),
      deadlines,
      readMaxBytes: definition.limits?.messageBytes ?? DEFAULT_MESSAGE_BYTES,
    }),
    ...(http === undefined ? [] : [applicationHandler(http, deadlines)]),
  ];
  const port = createPort({
    handlers,
    upgrade: definition.upgrade?.(application),
    limits: definition.limits,
    log,
    clock,
    tasks,
    trustedProxies: trustedProxies(config.TRUSTED_PROXIES),
    companionHeaders,
    onRecord: accessLog(log.named(`${definition.name}.access`), log.secretNames),
  });
  return { port, implementations };
}

function builtinServices(
  own: readonly Implementation[],
  readiness: Readiness,
  reflection: boolean,
): readonly Implementation[] {
  const services = own.map(({ service }) => service);
  const health = healthService(
    readiness,
    services.map(({ typeName }) => typeName),
  );
  return [health, ...(reflection ? reflectionServices([...services, health.service]) : [])];
}

async function listen(port: Port, { HOST, PORT }: BaseConfig): Promise<AddressInfo> {
  try {
    return await port.listen(HOST, PORT);
  } catch (cause) {
    port.destroy();
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
    const reason =
      LISTEN_FAILURES[code] ?? `cannot be opened: ${cause instanceof Error ? cause.message : String(cause)}`;
    throw new StartError(`port ${PORT} of ${HOST} ${reason}`, { cause });
  }
}

const LISTEN_FAILURES: Readonly<Record<string, string>> = {
  EADDRINUSE: "is in use by another process; set PORT to a free one, or stop that process",
  EACCES: "needs rights that this process does not have; set PORT to one above 1023",
  EADDRNOTAVAIL: "is no address of this machine; set HOST to one, or to :: for all",
  ENOTFOUND: "is no known host; set HOST to an address of this machine, or to :: for all",
};

/** A service that could not start for a reason outside its code; the message says it all. */
export class StartError extends Error {
  override readonly name = "StartError";
}

function addressText({ address, port }: AddressInfo): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/** Browsers send no request body and read its answer at the same time: fetch has no full or half duplex streams there. */
function noteBrowserLimits(log: ServiceLogger, implementations: readonly Implementation[]): void {
  const uncallable = implementations
    .filter(({ service }) => !service.typeName.startsWith("grpc."))
    .flatMap(({ service }) => service.methods)
    .filter(({ methodKind }) => methodKind === "client_streaming" || methodKind === "bidi_streaming")
    .map((method) => `${method.parent.typeName}/${method.name}`);
  if (uncallable.length > 0) {
    log.info(`browsers cannot call ${uncallable.join(", ")}: they do not stream requests`);
  }
}

interface Stoppable extends Chassis {
  readonly config: BaseConfig;
  readonly port: Port;
  closeResources(): Promise<void>;
}

function stopOnce(stoppable: Stoppable): () => Promise<void> {
  let stopped: Promise<void> | undefined;
  return () => {
    stopped ??= stop(stoppable);
    return stopped;
  };
}

async function stop({ config, log, clock, tasks, readiness, port, closeResources }: Stoppable): Promise<void> {
  log.info("action=stop, status=draining");
  readiness.set("draining");
  await passed(clock, config.SHUTDOWN_DELAY_MS);
  readiness.set("closing");
  port.close();
  const settled = settledWork(port, tasks);
  if ((await Promise.race([settled, passed(clock, config.SHUTDOWN_GRACE_MS)])) !== "settled") {
    const { requests } = port.stats();
    log.warn({ requests, tasks: tasks.active }, "the grace of the shutdown is over; what is left is cancelled");
    const reason = new ConnectError("the service is shutting down", Code.Unavailable);
    port.interrupt(reason);
    tasks.cancel(reason);
    await Promise.race([settled, passed(clock, CANCELLATION_MS)]);
  }
  port.destroy();
  await closeResources();
  log.info("action=stop, status=success");
}

/** A call may leave work behind when it ends, and work may not begin a call: so calls first. */
async function settledWork(port: Port, tasks: Tasks): Promise<"settled"> {
  await port.idle();
  await tasks.settled();
  return "settled";
}

function passed(clock: Clock, delayMs: number): Promise<"passed"> {
  return new Promise((resolve) => {
    clock.schedule(delayMs, () => resolve("passed"));
  });
}
