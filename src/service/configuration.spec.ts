import fc from "fast-check";
import { describe, expect, expectTypeOf, test } from "vitest";
import * as z from "zod";
import { type BaseConfig, ConfigurationError, readConfiguration } from "./configuration.ts";

type Env = Readonly<Record<string, string | undefined>>;

const read = (env: Env) => readConfiguration({ name: "orders", port: 8080, config: {} }, env);

/** The message with which a configuration is refused. */
function refusal(env: Env, config: Readonly<Record<string, z.ZodType>> = {}): string {
  try {
    readConfiguration({ name: "orders", port: 8080, config }, env);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigurationError);
    return String((error as ConfigurationError).message); // of that class by the line above
  }
  throw new Error("the configuration was taken");
}

const DEFAULTS: BaseConfig = {
  NODE_ENV: "production",
  HOST: "::",
  PORT: 8080,
  LOG_LEVEL: "info",
  DEFAULT_DEADLINE_MS: 60_000,
  MAX_DEADLINE_MS: 600_000,
  CORS_ORIGINS: [],
  CORS_CREDENTIALS: false,
  ALLOWED_HOSTS: [],
  TRUSTED_PROXIES: [],
  PROPAGATE_HEADERS: [],
  HTTP2_ENGINE: "own",
  TLS_MAX_CONNECTION_AGE_MS: 600_000,
  SHUTDOWN_DELAY_MS: 0,
  SHUTDOWN_GRACE_MS: 10_000,
};

test("an empty environment gives the contract's defaults, and nothing else", () => {
  expect(read({})).toEqual({ config: DEFAULTS, hints: [] });
});

test("an empty variable counts as unset", () => {
  const empty = Object.fromEntries([...Object.keys(DEFAULTS), "LOG_FORMAT", "REFLECTION"].map((name) => [name, ""]));
  expect(read(empty).config).toEqual(DEFAULTS);
});

describe("a good value is read as its type", () => {
  test.each<[keyof BaseConfig, string, unknown]>([
    ["NODE_ENV", "development", "development"],
    ["HOST", "127.0.0.1", "127.0.0.1"],
    ["PORT", "0", 0],
    ["PORT", "65535", 65_535],
    ["LOG_LEVEL", "debug", "debug"],
    ["LOG_FORMAT", "pretty", "pretty"],
    ["DEFAULT_DEADLINE_MS", "0", 0],
    ["DEFAULT_DEADLINE_MS", "2147483647", 2_147_483_647],
    ["MAX_DEADLINE_MS", "1", 1],
    ["SHUTDOWN_DELAY_MS", "5000", 5000],
    ["SHUTDOWN_GRACE_MS", "1", 1],
    ["CORS_ORIGINS", "https://a.example, http://localhost:3000 ,", ["https://a.example", "http://localhost:3000"]],
    ["CORS_ORIGINS", "*", ["*"]],
    ["CORS_CREDENTIALS", "true", true],
    ["ALLOWED_HOSTS", "a.example,b", ["a.example", "b"]],
    ["TRUSTED_PROXIES", "10.0.0.0/8, ::1", ["10.0.0.0/8", "::1"]],
    ["PROPAGATE_HEADERS", "X-Tenant, authorization", ["x-tenant", "authorization"]],
    ["REFLECTION", "on", true],
    ["REFLECTION", "0", false],
  ])("%s=%s", (name, value, expected) => {
    expect(read({ [name]: value }).config).toEqual({ ...DEFAULTS, [name]: expected });
  });
});

describe("a bad value is refused by its name", () => {
  test.each<[keyof BaseConfig, readonly string[]]>([
    ["NODE_ENV", ["prod", "Production"]],
    ["PORT", ["-1", "65536", "80.5", "http", "1,2"]],
    ["LOG_LEVEL", ["verbose", "INFO"]],
    ["LOG_FORMAT", ["text"]],
    ["DEFAULT_DEADLINE_MS", ["-1", "1.5", "10s", "2147483648", "Infinity"]],
    ["MAX_DEADLINE_MS", ["-1", "soon", "2147483648"]],
    ["SHUTDOWN_DELAY_MS", ["-1", "5s"]],
    ["SHUTDOWN_GRACE_MS", ["-1", "5s"]],
    [
      "CORS_ORIGINS",
      ["a.example", "https://a.example/", "https://a.example/x", "https://A.example", "https://*.a", "null"],
    ],
    ["CORS_CREDENTIALS", ["maybe"]],
    ["TRUSTED_PROXIES", ["10.0.0.0/", "10.0.0.0/33", "localhost", "*"]],
    ["PROPAGATE_HEADERS", ["a b", "x:y", "ä"]],
    ["REFLECTION", ["maybe"]],
  ])("%s", (name, values) => {
    for (const value of values) {
      const message = refusal({ [name]: value });
      expect(message).toMatch(/^orders cannot start: a setting is wrong\n {2}/);
      expect(message).toContain(name === "CORS_CREDENTIALS" ? `${name}:` : `${name}=${JSON.stringify(value)}: `);
    }
  });
});

test("every bad variable is in the one message, the service's own and what goes by two of them included", () => {
  const message = refusal(
    { PORT: "x", LOG_LEVEL: "loud", CORS_ORIGINS: "*", CORS_CREDENTIALS: "true", LIMIT: "many" },
    { LIMIT: z.coerce.number(), NAME_URL: z.url() },
  );
  expect(message).toMatch(/^orders cannot start: 5 settings are wrong\n/);
  for (const name of [
    "PORT=",
    "LOG_LEVEL=",
    "LIMIT=",
    "NAME_URL is not set",
    "CORS_CREDENTIALS: credentials never go",
  ]) {
    expect(message).toContain(`\n  ${name}`);
  }
});

test("credentials go with named origins only", () => {
  expect(refusal({ CORS_ORIGINS: "https://a.example,*", CORS_CREDENTIALS: "true" })).toContain("CORS_CREDENTIALS");
  expect(read({ CORS_ORIGINS: "https://a.example", CORS_CREDENTIALS: "true" }).config.CORS_CREDENTIALS).toBe(true);
  expect(read({ CORS_ORIGINS: "*" }).config.CORS_ORIGINS).toEqual(["*"]);
});

test.each([
  "DB_PASSWORD",
  "API_KEY",
  "apiToken",
  "CLIENT_SECRET",
  "PGPWD",
  "SIGNING_PRIVATE",
  "SESSION_COOKIE",
  "AUTH",
])("the value of %s, which sounds like a secret, is not quoted", (name) => {
  const message = refusal({ [name]: "hunter2" }, { [name]: z.string().min(100) });
  expect(message).toContain(name);
  expect(message).not.toContain("hunter2");
});

test("who logs in at a URL is not quoted, and the rest of it is", () => {
  const message = refusal(
    { DATABASE_URL: "postgres://ada:hunter2@db.example/x" },
    { DATABASE_URL: z.url({ protocol: /^https$/ }) },
  );
  expect(message).toContain('DATABASE_URL="postgres://[redacted]@db.example/x"');
});

describe("a variable that differs from one that is not set by a letter or two is a hint", () => {
  test.each([
    ["LOG_LEVL", "LOG_LEVEL"],
    ["LOG_LEVELS", "LOG_LEVEL"],
    ["CORS_ORIGIN", "CORS_ORIGINS"],
    ["SHUTDOWN_GRACE_SM", "SHUTDOWN_GRACE_MS"],
    ["TRUSTED_PROXYS", "TRUSTED_PROXIES"],
  ])("%s", (name, meant) => {
    expect(read({ [name]: "x" }).hints).toEqual([`${name} is no setting of this service; is ${meant} meant?`]);
  });

  test("and not one that is further off, short, or meant for what is set", () => {
    expect(read({ LOG_LEVEL: "info", LOG_LEVL: "x", PATH: "/", HOME: "/", HOSTS: "x", LOGLEVLE: "x" }).hints).toEqual(
      [],
    );
  });

  test("the value is not in it", () => {
    expect(read({ LOG_LEVL: "hunter2" }).hints.join()).not.toContain("hunter2");
  });
});

test("a service's own variables are read beside every service's, with the output of their schemas", () => {
  const config = {
    LIMIT: z.coerce.number().default(5),
    TAGS: z.string().transform((text) => text.split("|")),
    PORT: z.coerce.number().default(9),
  };
  const { config: result } = readConfiguration({ name: "orders", port: 8080, config }, { TAGS: "a|b" });
  expect(result).toEqual({ ...DEFAULTS, LIMIT: 5, TAGS: ["a", "b"], PORT: 9 });
  expectTypeOf(result.LIMIT).toEqualTypeOf<number>();
  expectTypeOf(result.TAGS).toEqualTypeOf<string[]>();
  expectTypeOf(result.LOG_LEVEL).toEqualTypeOf<BaseConfig["LOG_LEVEL"]>();
  // @ts-expect-error a variable that nobody described
  expect(result.OTHER).toBeUndefined();
});

test("what every service has cannot be redefined, except where it listens", () => {
  for (const name of Object.keys(DEFAULTS).filter((name) => name !== "PORT" && name !== "HOST")) {
    expect(refusal({}, { [name]: z.string() })).toBe(
      `orders cannot start: ${name} is every service's, and cannot be redefined`,
    );
  }
  expect(() => readConfiguration({ name: "a", port: 1, config: { HOST: z.string().default("a") } }, {})).not.toThrow();
});

test("variables that are nobody's have no effect, whatever they are called", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.stringMatching(/^X{6}[A-Z]{0,9}$/), fc.string()), (env) => {
      expect(read(env)).toEqual({ config: DEFAULTS, hints: [] });
    }),
  );
});
