import * as z from "zod";
import { MAX_TIMER_MS } from "../call/clock.ts";
import { LOG_FORMATS, LOG_LEVELS } from "../observe/logger.ts";
import { trustedProxies } from "../server/proxies.ts";
import { DEFAULT_MAX_CONNECTION_AGE_MS } from "../tls/channel-tls-files.ts";
import { tlsProblems } from "./tls-problems.ts";

const milliseconds = (defaultMs: number) => z.coerce.number().int().min(0).max(MAX_TIMER_MS).default(defaultMs);

const list = z.string().transform((text) =>
  text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== ""),
);

const origins = list.superRefine((items, context) => {
  for (const item of items) {
    if (item !== "*" && (item.includes("*") || !URL.canParse(item) || new URL(item).origin !== item)) {
      context.addIssue(`"${item}" is no origin, such as https://shop.example (no path, no trailing slash)`);
    }
  }
});

const proxies = list.superRefine((items, context) => {
  try {
    trustedProxies(items);
  } catch (error) {
    context.addIssue(error instanceof Error ? error.message : String(error));
  }
});

const fieldNames = list
  .transform((items) => items.map((item) => item.toLowerCase()))
  .refine((items) => items.every((item) => /^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(item)), "expected names of header fields")
  .superRefine((items, context) => {
    for (const item of items.filter((name) => NOT_TO_PROPAGATE.test(name))) {
      context.addIssue(`"${item}" belongs to one connection or one protocol, and cannot travel on`);
    }
  });
/** Fields of a connection (RFC 9110, 7.6.1), of a message's form, and of the protocols themselves. */
const NOT_TO_PROPAGATE =
  /^(?:host|connection|proxy-connection|keep-alive|te|trailer|transfer-encoding|upgrade|expect|content-.*|accept-encoding|grpc-.*|connect-.*)$/;

const hostNames = list.superRefine((items, context) => {
  for (const item of items) {
    if (!/^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])$/.test(item)) {
      context.addIssue(`"${item}" is no host name, such as dev.example (no port, no path)`);
    }
  }
});

/** The variables that every service has. Times in milliseconds. */
const baseShape = {
  /** `development` opens what helps while developing. */
  NODE_ENV: z.enum(["development", "production", "test"]).default("production"),
  HOST: z.string().default("::"),
  PORT: z.coerce.number().int().min(0).max(65_535),
  LOG_LEVEL: z.enum(LOG_LEVELS).default("info"),
  /** Default `pretty` on a terminal, `json` elsewhere. */
  LOG_FORMAT: z.enum(LOG_FORMATS).optional(),
  DEFAULT_DEADLINE_MS: milliseconds(60_000),
  MAX_DEADLINE_MS: milliseconds(600_000),
  CORS_ORIGINS: origins.default([]),
  CORS_CREDENTIALS: z.stringbool().default(false),
  ALLOWED_HOSTS: hostNames.default([]),
  TRUSTED_PROXIES: proxies.default([]),
  PROPAGATE_HEADERS: fieldNames.default([]),
  /** Default on in development, off elsewhere. */
  REFLECTION: z.stringbool().optional(),
  /** What speaks HTTP/2: our own engine, or node:http2, which keeps no limits. */
  HTTP2_ENGINE: z.enum(["own", "node"]).default("own"),
  /** Paths of PEM files: the certificate that is shown, with its chain, and its key. Without, the port is in cleartext. */
  TLS_CERT_FILE: z.string().optional(),
  TLS_KEY_FILE: z.string().optional(),
  /** Whose certificates clients are asked for. */
  TLS_CLIENT_CA_FILE: z.string().optional(),
  /** Whether clients have to have one. Default `require` where TLS_CLIENT_CA_FILE is set. */
  TLS_CLIENT_AUTH: z.enum(["require", "request"]).optional(),
  /** Who vouches for the services that are called by TLS. Default: the authorities that Node trusts. */
  TLS_CA_FILE: z.string().optional(),
  /** When connections are gone that were made before a certificate was renewed. */
  TLS_MAX_CONNECTION_AGE_MS: milliseconds(DEFAULT_MAX_CONNECTION_AGE_MS),
  SHUTDOWN_DELAY_MS: milliseconds(0),
  SHUTDOWN_GRACE_MS: milliseconds(10_000),
} satisfies z.ZodRawShape;

const baseSchema = z.object(baseShape);
const corsSchema = baseSchema.pick({ CORS_ORIGINS: true, CORS_CREDENTIALS: true });
/** The values of the variables that every service has. Times in milliseconds. */
export type BaseConfig = Readonly<z.output<typeof baseSchema>>;

/** The environment that a service cannot start with; says everything that is wrong at once. */
export class ConfigurationError extends Error {
  override readonly name = "ConfigurationError";
}

export interface Configuration<T> {
  readonly config: T;
  /** Variables that look like misspelt ones, each with a sentence. */
  readonly hints: readonly string[];
}

/** What may not be quoted in a message: the value of a variable that sounds like a secret, and who logs in at a URL. */
const SECRET_NAME = /PASS|PWD|SECRET|TOKEN|KEY|CREDENTIAL|AUTH|PRIVATE|COOKIE/i;
const USER_INFO = /(?<=:\/\/)[^/?#\s]*@/g;

/**
 * Reads a service's configuration from the environment and checks it as a whole. An empty variable counts as unset.
 *
 * @throws ConfigurationError that names every bad variable
 */
export function readConfiguration<S extends Readonly<Record<string, z.ZodType>>>(
  service: { readonly name: string; readonly port: number; readonly config: S },
  env: Readonly<Record<string, string | undefined>>,
): Configuration<BaseConfig & { readonly [K in keyof S]: z.output<S[K]> }> {
  const taken = Object.keys(service.config).find((name) => name in baseShape && name !== "PORT" && name !== "HOST");
  if (taken !== undefined) {
    throw new ConfigurationError(`${service.name} cannot start: ${taken} is every service's, and cannot be redefined`);
  }
  const shape = { ...baseShape, PORT: baseShape.PORT.default(service.port), ...service.config };
  const names = Object.keys(shape);
  const set = Object.fromEntries(
    names.map((name) => [name, env[name]] as const).filter(([, value]) => value !== undefined && value !== ""),
  );
  const result = z.object(shape).safeParse(set);
  // Zod's output type of a shape with a generic part is not resolved by the compiler; it is this by its definition.
  const config = result.data as (BaseConfig & { readonly [K in keyof S]: z.output<S[K]> }) | undefined;
  const cors = corsSchema.safeParse(set).data; // apart, so that it is judged whatever else is wrong
  const problems = [
    ...(result.error?.issues.map((issue) => describe(String(issue.path[0]), issue.message, set)) ?? []),
    ...(cors?.CORS_CREDENTIALS && cors.CORS_ORIGINS.includes("*")
      ? [describe("CORS_CREDENTIALS", "credentials never go with CORS_ORIGINS=*", set)]
      : []),
    ...tlsProblems(set).map(([variable, problem]) => describe(variable, problem, set)),
  ];
  if (config === undefined || problems.length > 0) {
    const count = problems.length === 1 ? "a setting is" : `${problems.length} settings are`;
    throw new ConfigurationError(
      `${service.name} cannot start: ${count} wrong${problems.map((problem) => `\n  ${problem}`).join("")}`,
    );
  }
  return { config, hints: misspelt(names, env) };
}

function describe(name: string, message: string, set: Readonly<Record<string, unknown>>): string {
  const value = set[name];
  if (value === undefined) {
    return `${name} is not set: ${message}`;
  }
  const said = SECRET_NAME.test(name) ? `${name}: ${message}` : `${name}=${JSON.stringify(value)}: ${message}`;
  return said.replace(USER_INFO, "[redacted]@");
}

/** Variables that nobody reads and that differ from one that somebody does by a letter or two. */
function misspelt(names: readonly string[], env: Readonly<Record<string, string | undefined>>): readonly string[] {
  return Object.keys(env)
    .filter((candidate) => candidate.length > 5 && !names.includes(candidate))
    .flatMap((candidate) => {
      const meant = names.find((name) => env[name] === undefined && name.length > 5 && distance(candidate, name) <= 2);
      return meant === undefined ? [] : [`${candidate} is no setting of this service; is ${meant} meant?`];
    });
}

/** Levenshtein's distance. */
function distance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 2) {
    return 3;
  }
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      const replaced = (row[j] ?? 0) + (a[i] === b[j] ? 0 : 1);
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
