import { corsHandler } from "../builtin/cors.ts";
import { healthService } from "../builtin/health.ts";
import { hostGuard } from "../builtin/host-guard.ts";
import { probes } from "../builtin/probes.ts";
import type { Readiness } from "../builtin/readiness.ts";
import { reflectionServices } from "../builtin/reflection.ts";
import type { Clock } from "../call/clock.ts";
import type { Tasks } from "../call/tasks.ts";
import { SERVICE_RULES } from "../interceptors/index.ts";
import { accessLog } from "../observe/access-log.ts";
import { hideQuery } from "../observe/hide-query.ts";
import type { ServiceLogger } from "../observe/logger.ts";
import { createPort, type Port } from "../server/port.ts";
import { trustedProxies } from "../server/proxies.ts";
import type { ServedExchange } from "../server/served-exchange.ts";
import type { Handler } from "../wire/exchange.ts";
import type { Implementation } from "../wire/implement.ts";
import { rpcHandler } from "../wire/rpc.ts";
import type { RpcOptions } from "../wire/rpc-options.ts";
import { applicationHandler } from "./application.ts";
import type { Application, ConfigShape, ServiceDefinition } from "./definition.ts";
import { upgradeHandler } from "./upgrade.ts";

/** Fields that travel on with every onward call, besides those that the configuration lists. */
const TRAVELLING_HEADERS = ["traceparent", "tracestate", "baggage", "grpc-previous-rpc-attempts"];
const DEFAULT_MESSAGE_BYTES = 4 * 1024 * 1024;

/** What the parts of a service share. */
export interface Chassis {
  readonly clock: Clock;
  readonly log: ServiceLogger;
  readonly tasks: Tasks;
  readonly readiness: Readiness;
  /** What answers calls: the lean path where it can, unless a test has Connect's handlers do it always. */
  readonly rpcPath?: RpcOptions["path"];
}

/** The handlers of the one port, in the order in which they are asked. */
export async function assemble<C extends ConfigShape, R>(
  definition: ServiceDefinition<C, R>,
  application: Application<C, R>,
  { clock, log, tasks, readiness, rpcPath }: Chassis,
): Promise<{ readonly port: Port; readonly implementations: readonly Implementation[] }> {
  const { config } = application;
  const deadlines = {
    defaultMs: Math.min(config.DEFAULT_DEADLINE_MS, config.MAX_DEADLINE_MS),
    maxMs: config.MAX_DEADLINE_MS,
  };
  const development = config.NODE_ENV === "development";
  const companionHeaders = [...TRAVELLING_HEADERS, ...config.PROPAGATE_HEADERS];
  const own = definition.routes?.(application) ?? [];
  const implementations = [...own, ...builtinServices(own, readiness, config.REFLECTION ?? development)];
  log.learn(implementations.map(({ service }) => service.file));
  const http = await definition.http?.(application);
  const upgrade = definition.upgrade?.(application);
  const handlers: Handler<ServedExchange>[] = [
    hideQuery(log.secretNames),
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
      interceptors: definition.interceptors?.(application) ?? [],
      rules: SERVICE_RULES,
      path: rpcPath,
      deadlines,
      readMaxBytes: definition.limits?.messageBytes ?? DEFAULT_MESSAGE_BYTES,
      compressMinBytes: definition.limits?.compressMinBytes,
    }),
    ...(upgrade === undefined ? [] : [upgradeHandler(upgrade)]),
    ...(http === undefined ? [] : [applicationHandler(http, deadlines)]),
  ];
  const port = createPort({
    handlers,
    upgrades: upgrade !== undefined,
    limits: definition.limits,
    http2Engine: config.HTTP2_ENGINE,
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
