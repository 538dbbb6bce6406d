import { booleanAt, isAbsent, type JsonObject, listAt, objectAt, positiveDurationMsAt, textAt } from "./json-fields.ts";
import type { MethodConfig } from "./method-config.ts";
import { readHedgingPolicy, readRetryPolicy } from "./policies.ts";

/** How calls are distributed to backends. */
export type Balancing = "round_robin" | "least_request";

/** What a service config says of calls and of their distribution. */
export interface ServiceConfig {
  /**
   * What is said of a method: the config that names it, else the one that names its service, else the one for all. They are
   * not merged. Undefined where none is there.
   *
   * @param service with its package, such as `greeter.v1.GreeterService`
   */
  readonly methods: (service: string, method: string) => MethodConfig | undefined;
  /** Undefined where the config does not say. */
  readonly balancing: Balancing | undefined;
}

/** By their names in gRPC. */
const BALANCING: ReadonlyMap<string, Balancing> = new Map<string, Balancing>([
  ["round_robin", "round_robin"],
  ["least_request", "least_request"],
  ["least_request_experimental", "least_request"],
]);
const KNOWN_BALANCING = [...BALANCING.keys()].join(", ");

/**
 * Reads gRPC's service config (doc/service_config.md; grpc.service_config.ServiceConfig in proto3 JSON; gRFC A2 and A6), as
 * text or parsed. As in gRPC: unknown fields are ignored, null and "" are the same as a field that is not there, the first
 * known policy of `loadBalancingConfig` counts, and more than five attempts are five. Ignored as well are
 * `retryThrottling`, in whose place a channel has its retry budget, `maxRequestMessageBytes` and
 * `maxResponseMessageBytes`, in whose place it has `readMaxBytes`, and the settings of a balancing policy.
 *
 * @throws Error that names the first place where the config is wrong, and what is allowed there
 */
export function parseServiceConfig(json: string | object): ServiceConfig {
  const root = "serviceConfig";
  const fields = objectAt(typeof json === "string" ? parsed(json, root) : json, root);
  const configs = new Map<string, MethodConfig>();
  listAt(fields["methodConfig"], `${root}.methodConfig`).forEach((entry, index) => {
    const path = `${root}.methodConfig[${index}]`;
    const config = objectAt(entry, path);
    const methodConfig = readMethodConfig(config, path);
    listAt(config["name"], `${path}.name`).forEach((name, at) => {
      const key = readName(name, `${path}.name[${at}]`);
      if (configs.has(key)) {
        throw new Error(`${path}.name[${at}] names ${inWords(key)} again; each name has to stand there once`);
      }
      configs.set(key, methodConfig);
    });
  });
  return {
    methods: (service, method) =>
      configs.get(`${service}/${method}`) ?? configs.get(`${service}/`) ?? configs.get(ALL_METHODS),
    balancing: readBalancing(fields, root),
  };
}

function parsed(json: string, path: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    throw new Error(`${path} is no JSON: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}

function readMethodConfig(config: JsonObject, path: string): MethodConfig {
  const { timeout, waitForReady, retryPolicy, hedgingPolicy } = config;
  if (!isAbsent(retryPolicy) && !isAbsent(hedgingPolicy)) {
    throw new Error(`${path} has both a retryPolicy and a hedgingPolicy; it has to have one of them at most`);
  }
  return {
    timeoutMs: isAbsent(timeout) ? undefined : positiveDurationMsAt(timeout, `${path}.timeout`),
    waitForReady: booleanAt(waitForReady, `${path}.waitForReady`),
    retry: isAbsent(retryPolicy) ? undefined : readRetryPolicy(retryPolicy, `${path}.retryPolicy`),
    hedging: isAbsent(hedgingPolicy) ? undefined : readHedgingPolicy(hedgingPolicy, `${path}.hedgingPolicy`),
  };
}

const ALL_METHODS = "/";

/** `service/method`, `service/` or `/`. */
function readName(value: unknown, path: string): string {
  const name = objectAt(value, path);
  const service = textAt(name["service"], `${path}.service`);
  const method = textAt(name["method"], `${path}.method`);
  if (service === "" && method !== "") {
    throw new Error(`${path} has a method and no service; it has to have both, a service alone, or neither`);
  }
  return `${service}/${method}`;
}

function inWords(key: string): string {
  return key === ALL_METHODS ? "all methods" : key.replace(/\/$/, "");
}

function readBalancing(fields: JsonObject, root: string): Balancing | undefined {
  const path = `${root}.loadBalancingConfig`;
  const list = listAt(fields["loadBalancingConfig"], path);
  for (const [index, entry] of list.entries()) {
    const policy = objectAt(entry, `${path}[${index}]`);
    const [name, ...others] = Object.keys(policy);
    if (name === undefined || others.length > 0) {
      throw new Error(`${path}[${index}] has ${others.length === 0 ? "no key" : "several keys"}; it has to have one`);
    }
    const known = BALANCING.get(name);
    if (known !== undefined) {
      objectAt(policy[name], `${path}[${index}].${name}`);
      return known;
    }
  }
  if (list.length > 0) {
    throw new Error(`${path} names no policy that is known here; known are ${KNOWN_BALANCING}`);
  }
  return readDeprecatedPolicy(fields["loadBalancingPolicy"], `${root}.loadBalancingPolicy`);
}

/** The form from before `loadBalancingConfig`, an enum in the proto file and a name in the documentation. */
function readDeprecatedPolicy(value: unknown, path: string): Balancing | undefined {
  const name = textAt(value, path).toLowerCase();
  const known = BALANCING.get(name);
  if (known === undefined && name !== "" && name !== "unspecified") {
    throw new Error(`${path} names no policy that is known here; known are ${KNOWN_BALANCING}`);
  }
  return known;
}
