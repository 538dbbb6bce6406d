import { accessGuard } from "../builtin/access-guard.ts";
import { certificateGuard } from "../builtin/certificate-guard.ts";
import { corsHandler } from "../builtin/cors.ts";
import { healthService } from "../builtin/health.ts";
import { hostGuard } from "../builtin/host-guard.ts";
import { probes } from "../builtin/probes.ts";
import type { Readiness } from "../builtin/readiness.ts";
import { reflectionServices } from "../builtin/reflection.ts";
import type { Clock } from "../call/clock.ts";
import type { PeerIdentity } from "../call/peer.ts";
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
import { createAccess } from "./access.ts";
import { applicationHandler } from "./application.ts";
import type { Application, ConfigShape, ServiceDefinition } from "./definition.ts";
import { clientAuthOf, type ServiceTls } from "./tls.ts";
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
  /** Undefined: it has no certificates. */
  readonly tls: ServiceTls | undefined;
  /** Who peers count as that have no certificate: for tests. */
  readonly assumedIdentity?: PeerIdentity | undefined;
}

/** The handlers of the one port, in the order in which they are asked. */
export async function assemble<C extends ConfigShape, R>(
  definition: ServiceDefinition<C, R>,
  application: Application<C, R>,
  { clock, log, tasks, readiness, rpcPath, tls, assumedIdentity }: Chassis,
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
  const clientAuth = clientAuthOf(config);
  const rules = definition.access?.(application);
  const services = own.map(({ service }) => service);
  const access = createAccess({ rules, services, asksForCertificates: clientAuth !== undefined });
  if (rules !== undefined && clientAuth === undefined) {
    log.warn("there are rules of access, and nobody is asked for a certificate: TLS_CLIENT_CA_FILE is not set");
  }
  const handlers: Handler<ServedExchange>[] = [
    hideQuery(log.secretNames),
    ...(clientAuth === undefined ? [] : [certificateGuard(clientAuth === "require")]),
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
    ...(rules === undefined ? [] : [accessGuard]),
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
    access: rules === undefined && clientAuth === undefined ? undefined : access,
    tls: tls?.port,
    assumedIdentity,
    onRecord: accessLog(log.named(`${definition.name}.access`), log.secretNames),
  });
  tls?.renew(port);
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
