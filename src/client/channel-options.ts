import type { Interceptor } from "@connectrpc/connect";
import { type ChannelTls, type RenewableTls, renewable } from "../tls/renewable-tls.ts";
import { MAX_MESSAGE_BYTES } from "../wire/envelope.ts";
import type { EjectionOptions } from "./balancing/ejection.ts";
import type { CallTransportOptions } from "./calls/transport-options.ts";
import { checkTls } from "./connections/channel-tls.ts";
import type { RetryPolicy } from "./service-config/method-config.ts";

/** Departures of a channel from its defaults. Times in milliseconds, sizes in bytes. */
export interface ChannelOptions {
  /**
   * What a unary call may take where the call names no time-out of its own. Default 60,000. With `Number.POSITIVE_INFINITY`
   * nothing bounds such a call, and the target is told of no time-out, except inside a call of a service, whose own deadline
   * still counts.
   */
  readonly timeoutMs?: number;
  /** The protocol between the services. Default `grpc`, which needs HTTP/2. */
  readonly protocol?: "grpc" | "grpc-web" | "connect";
  /** Default `2`. */
  readonly httpVersion?: "1.1" | "2";
  /** How messages are written: protobuf's binary format, or its JSON. Default `binary`. */
  readonly format?: "binary" | "json";
  /** The largest message taken, before and after decompression. Default 4 MiB, at most 4 GiB. */
  readonly readMaxBytes?: number;
  /** What messages are compressed with on their way out. Default: nothing. Answers may come in either, or in neither. */
  readonly sendCompression?: "gzip" | "br";
  /** Messages shorter than this are sent as they are. Default 1024. */
  readonly compressMinBytes?: number;
  /**
   * Unary calls of methods without side effects (`idempotency_level = NO_SIDE_EFFECTS`) are GET requests, which caches may
   * answer; the message stands in the URL, whose length servers limit (ours: 16 KiB with the header). Connect only. Default false.
   */
  readonly useHttpGet?: boolean;
  /** For messages in JSON, as Connect's transports take them; `registry` holds the types that an Any may hold. Default none. */
  readonly jsonOptions?: NonNullable<CallTransportOptions["jsonOptions"]>;
  /** For messages in binary, as Connect's transports take them. Default none. */
  readonly binaryOptions?: NonNullable<CallTransportOptions["binaryOptions"]>;
  /**
   * Whom the target is vouched for by, and what this side shows: in PEM, or by files that are read again (`tlsFiles`). With
   * `dns:`, `static:` and resolvers it also says that TLS is spoken. Default: in a service that has certificates those, and
   * TLS for every target but `http:`; elsewhere TLS for `https:` targets, as Node has it. False: cleartext for `dns:`,
   * `static:` and resolvers.
   */
  readonly tls?: ChannelTls | RenewableTls | false;
  /** Applied inside the channel's own (request id and companions, deadline, cancellation), the first outermost. */
  readonly interceptors?: readonly Interceptor[];
  /** How calls are spread over the backends: by turns, or to the less busy of two drawn ones. Default `least_request`. */
  readonly balancing?: "least_request" | "round_robin";
  /** What connecting, TLS and the peer's first SETTINGS may take together. Default 5,000. */
  readonly connectTimeoutMs?: number;
  /** How long a connection stays without a call. Default 900,000. */
  readonly idleTimeoutMs?: number;
  /**
   * Silence after which a peer is asked by a PING whether it is there, while calls are under way. Default 300,000: servers
   * that do not expect it take more for abuse (gRPC's A8). At least 1,000.
   */
  readonly keepaliveMs?: number;
  /**
   * Connections to one backend, of which further ones are made where the peer's limit of streams has calls wait. Default 16;
   * over HTTP/1.1, where each carries one call at a time, 256.
   */
  readonly maxConnectionsPerBackend?: number;
  /** Calls that wait for a connection, each within its deadline; further ones are `resource_exhausted`. Default 10,000. */
  readonly maxWaitingCalls?: number;
  /** Calls wait, within their deadlines, where no backend can be reached, instead of failing at once. Default false. */
  readonly waitForReady?: boolean;
  /**
   * When failed calls are tried again, of methods that the schema marks `NO_SIDE_EFFECTS` or `IDEMPOTENT`. Default: twice
   * more after `unavailable`, within 50 and 100 ms; false: never. What no server can have seen is sent again in any case.
   */
  readonly retry?: Partial<RetryPolicy> | false;
  /**
   * What retries and hedges may come to, in 10 s: this share of the channel's calls, and `floor` more. Default 0.1 and 10.
   */
  readonly retryBudget?: { readonly ratio?: number; readonly floor?: number };
  /**
   * When a backend gets no calls for a while. Default: after 5 failures in a row, for 10 s, twice as long the next time, up to
   * 300 s; never more than half of the backends. False: never.
   */
  readonly ejection?: Partial<EjectionOptions> | false;
  /** Refuses calls here while backends say that they are overloaded (`resource_exhausted`). Default true. */
  readonly throttle?: boolean;
  /**
   * gRPC's service config (its doc/service_config.md), as JSON or as the object that it stands for: `methodConfig` with
   * `timeout`, `waitForReady`, `retryPolicy` and `hedgingPolicy`, and `loadBalancingConfig`. It comes before the options
   * here. Default none.
   */
  readonly serviceConfig?: string | object;
  /** After how long a `dns:` target is looked up again. Default 30,000. */
  readonly dnsIntervalMs?: number;
}

export const DEFAULTS = {
  timeoutMs: 60_000,
  readMaxBytes: 4 * 1024 * 1024,
  maxWaitingCalls: 10_000,
} as const;

export const DEFAULT_EJECTION: EjectionOptions = {
  consecutiveFailures: 5,
  baseMs: 10_000,
  maxMs: 300_000,
  maxShare: 0.5,
};

type Range = readonly [least: number, most: number];

const RANGES: Partial<Record<keyof ChannelOptions, Range>> = {
  readMaxBytes: [1, MAX_MESSAGE_BYTES],
  compressMinBytes: [0, Number.POSITIVE_INFINITY],
  connectTimeoutMs: [1, 3_600_000],
  idleTimeoutMs: [1, Number.POSITIVE_INFINITY],
  keepaliveMs: [1000, Number.POSITIVE_INFINITY],
  maxConnectionsPerBackend: [1, 10_000],
  maxWaitingCalls: [0, Number.MAX_SAFE_INTEGER],
  dnsIntervalMs: [1000, Number.POSITIVE_INFINITY],
};

/** @throws Error that says what is wrong, and what is allowed */
export function checkOptions(options: ChannelOptions, isSecure: boolean): void {
  const { timeoutMs = DEFAULTS.timeoutMs, protocol = "grpc", retryBudget = {}, balancing } = options;
  if (!(timeoutMs > 0)) {
    throw new Error(`timeoutMs is ${timeoutMs}; it has to be more than 0 milliseconds`);
  }
  for (const [name, range] of Object.entries(RANGES)) {
    checkRange(name, options[name as keyof ChannelOptions], range);
  }
  checkRange("retryBudget.ratio", retryBudget.ratio, [0, 10]);
  checkRange("retryBudget.floor", retryBudget.floor, [0, Number.MAX_SAFE_INTEGER]);
  if (balancing !== undefined && balancing !== "least_request" && balancing !== "round_robin") {
    throw new Error(`balancing is ${JSON.stringify(balancing)}; it has to be "least_request" or "round_robin"`);
  }
  if (protocol === "grpc" && options.httpVersion === "1.1") {
    throw new Error("gRPC needs HTTP/2; over HTTP/1.1 use the protocol connect or grpc-web");
  }
  if (options.useHttpGet === true && protocol !== "connect") {
    throw new Error("useHttpGet is for the protocol connect");
  }
  if (options.tls && !isSecure) {
    throw new Error("tls is for targets that begin with https:, dns: or static:");
  }
  if (options.tls === false && isSecure) {
    throw new Error("tls is false, and the target begins with https:");
  }
  if (options.tls) {
    checkTls(renewable(options.tls).current);
  }
  checkRetry(options.retry || {});
  checkEjection(options.ejection || {});
}

function checkRetry(retry: Partial<RetryPolicy>): void {
  const { maxAttempts, initialBackoffMs, maxBackoffMs, backoffMultiplier, retryableCodes } = retry;
  if (retryableCodes !== undefined && !(retryableCodes instanceof Set)) {
    throw new Error("retry.retryableCodes has to be a Set of Connect's codes, such as new Set([Code.Unavailable])");
  }
  checkRange("retry.maxAttempts", maxAttempts, [1, 5]);
  checkRange("retry.initialBackoffMs", initialBackoffMs, [1, 3_600_000]);
  checkRange("retry.maxBackoffMs", maxBackoffMs, [1, 3_600_000]);
  checkRange("retry.backoffMultiplier", backoffMultiplier, [1, 100]);
}

function checkEjection({ consecutiveFailures, baseMs, maxMs, maxShare }: Partial<EjectionOptions>): void {
  checkRange("ejection.consecutiveFailures", consecutiveFailures, [1, Number.MAX_SAFE_INTEGER]);
  checkRange("ejection.baseMs", baseMs, [1, 86_400_000]);
  checkRange("ejection.maxMs", maxMs, [1, 86_400_000]);
  checkRange("ejection.maxShare", maxShare, [0, 1]);
}

function checkRange(name: string, value: unknown, [least, most]: Range): void {
  if (value !== undefined && !(typeof value === "number" && value >= least && value <= most)) {
    const allowed = most === Number.POSITIVE_INFINITY ? `${least} or more` : `from ${least} to ${most}`;
    throw new Error(`${name} is ${value}; it has to be ${allowed}`);
  }
}
