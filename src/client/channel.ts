import type { Transport } from "@connectrpc/connect";
import { type RenewableTls, renewable } from "../tls/renewable-tls.ts";
import { serviceTls } from "../tls/service-tls.ts";
import { brotli, DEFAULT_COMPRESS_MIN_BYTES, gzip } from "../wire/compression.ts";
import { type AttemptPolicies, DEFAULT_RETRY } from "./attempts/attempt-rules.ts";
import { RetryBudget } from "./attempts/retry-budget.ts";
import { Throttle } from "./attempts/throttle.ts";
import { Balancer } from "./balancing/balancer.ts";
import type { CallCounts } from "./calls/call-life.ts";
import { createCallTransport } from "./calls/call-transport.ts";
import { type ChannelOptions, checkOptions, DEFAULT_EJECTION, DEFAULTS } from "./channel-options.ts";
import { ChannelSight } from "./channel-sight.ts";
import { type ChannelStats, statsOf } from "./channel-stats.ts";
import { type ChannelSurroundings, SYSTEM } from "./channel-surroundings.ts";
import { type ChannelTarget, readTarget } from "./channel-target.ts";
import { channelClosed } from "./connections/channel-closed.ts";
import { connector } from "./connections/connector.ts";
import { healthCheck } from "./health-check.ts";
import { memoryTarget } from "./memory.ts";
import type { Resolver } from "./resolving/resolver.ts";
import { parseServiceConfig } from "./service-config/service-config.ts";

/** Connections to the backends of one target: a Transport for Connect's `createClient`, closed by whoever made it. */
export interface Channel extends Transport, AsyncDisposable {
  readonly target: string;
  stats(): ChannelStats;
}

/**
 * Opens a channel to `target`:
 *
 * - `http://host:port` or `https://host:port`: one backend;
 * - `dns:///host:port`: every address of the name is a backend, and they are looked up again every 30 s and whenever one fails;
 * - `static:///host:port,host:port`: these backends;
 * - a {@link Resolver}: those that it finds.
 *
 * It connects with the first call, to every backend, spreads calls over those that can be reached, and connects again when a
 * connection is lost. Inside a call of a service, request id, deadline, cancellation and the headers that travel along go
 * with every onward call by themselves. A connection that is lost in the middle of a call ends it with `unavailable`, unless
 * the schema says that the method may be called again. Errors `unavailable` and `deadline_exceeded` say where the time went.
 *
 * @throws Error where the target or an option is not possible; it says what is.
 */
export function createChannel(target: string | Resolver, options: ChannelOptions = {}): Channel {
  return openChannel(target, options, SYSTEM);
}

/** See {@link createChannel}. */
export function openChannel(
  target: string | Resolver,
  options: ChannelOptions,
  surroundings: ChannelSurroundings,
): Channel {
  const tls = options.tls ?? serviceTls() ?? false;
  const named = within("createChannel", () => readTarget(target, options, tls !== false, surroundings));
  return within(`createChannel("${named.name}")`, () => {
    const isSecure = named.url.protocol === "https:";
    checkOptions(options, isSecure);
    return assemble(named, options, isSecure ? renewable(tls || {}) : undefined, surroundings);
  });
}

/** Says in errors what they are about. */
function within<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new Error(`${what}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}

/** @param tls undefined: the target is called in cleartext */
function assemble(
  target: ChannelTarget,
  options: ChannelOptions,
  tls: RenewableTls | undefined,
  surroundings: ChannelSurroundings,
): Channel {
  const config = options.serviceConfig === undefined ? undefined : parseServiceConfig(options.serviceConfig);
  const { timeoutMs = DEFAULTS.timeoutMs, protocol = "grpc", interceptors = [] } = options;
  const { clock, random } = surroundings;
  const sight = new ChannelSight(target.name);
  const counts: CallCounts = { started: 0, succeeded: 0, failed: 0 };
  const budget = new RetryBudget(options.retryBudget ?? {}, () => clock.now());
  const common = {
    url: target.url,
    clock,
    targetName: target.name,
    protocol,
    format: options.format ?? "binary",
    readMaxBytes: options.readMaxBytes ?? DEFAULTS.readMaxBytes,
    sendCompression: options.sendCompression && { gzip, br: brotli }[options.sendCompression],
    compressMinBytes: options.compressMinBytes ?? DEFAULT_COMPRESS_MIN_BYTES,
    useHttpGet: options.useHttpGet === true,
    jsonOptions: options.jsonOptions,
    binaryOptions: options.binaryOptions,
  } as const;
  const inMemory = memoryTarget(target.url.origin);
  const balancer = new Balancer({
    origin: target.url.origin,
    resolver: target.resolver,
    connect: surroundings.connect ?? connector(target, { ...options, tls }, clock),
    clock,
    random,
    balancing: config?.balancing ?? options.balancing ?? "least_request",
    maxConnectionsPerBackend: options.maxConnectionsPerBackend ?? (options.httpVersion === "1.1" ? 256 : 16),
    maxWaiting: options.maxWaitingCalls ?? DEFAULTS.maxWaitingCalls,
    ejection: options.ejection === false ? undefined : { ...DEFAULT_EJECTION, ...given(options.ejection ?? {}) },
    checkHealth: healthCheck(common),
    sight,
  });
  const policies: AttemptPolicies = {
    retry: options.retry === false ? undefined : { ...DEFAULT_RETRY, ...given(options.retry ?? {}) },
    waitForReady: options.waitForReady === true,
    configOf: (method) => config?.methods(method.parent.typeName, method.name),
    budget,
    throttle: options.throttle === false ? undefined : new Throttle({}, () => clock.now(), random),
    random,
    sight,
    resting: new Set(),
    isClosed: () => balancer.isClosed,
    lastConnectionError: () => balancer.backends.lastErrorInWords,
  };
  const transport = createCallTransport({
    ...common,
    target: inMemory ?? balancer,
    timeoutMs,
    interceptors,
    counts,
    policies,
  });
  const forgetTls = tls?.onRenewal(() => balancer.renew(tls.maxConnectionAgeMs));
  const stats = () => {
    const known = statsOf(target.name, counts, sight, budget.refused, balancer, tls?.daysLeft);
    return inMemory === undefined || balancer.isClosed ? known : { ...known, state: "ready" as const };
  };
  return channel(target, transport, balancer, stats, () => {
    forgetTls?.();
    inMemory?.close();
    balancer.close();
    for (const rest of policies.resting) {
      rest.fail(channelClosed(target.url.origin));
    }
  });
}

/** A transport with the rest of a channel around it: it refuses calls once it is closed. */
function channel(
  { name, url }: ChannelTarget,
  transport: Transport,
  balancer: Balancer,
  stats: () => ChannelStats,
  close: () => void,
): Channel {
  const refused = () => Promise.reject(channelClosed(url.origin));
  return {
    target: name,
    unary: (...call) => (balancer.isClosed ? refused() : transport.unary(...call)),
    stream: (...call) => (balancer.isClosed ? refused() : transport.stream(...call)),
    stats,
    async [Symbol.asyncDispose]() {
      close();
    },
  };
}

/** Options that are given as undefined are not given. */
function given<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T; // nothing else is lost
}
