import Koa from "koa";
import { defineService, implement } from "portico";
import { startTest, type TestApp } from "portico/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NameService } from "../../gen/name/v1/name_pb.js";

const service = defineService({
  name: "cors",
  routes: () => [
    implement(NameService, {
      processName: ({ name }) => ({ name }),
      async *processNames() {
        yield {};
      },
    }),
  ],
  http: () => {
    const app = new Koa();
    app.use((context) => {
      if (context.path !== "/rest") return;
      context.vary("accept");
      context.body = "rest";
    });
    return app;
  },
});

const SHOP = "https://shop.example";
const open = (config: Readonly<Record<string, string>>) => startTest(service, { config });

/** What the answer lets a page of `origin` read. */
async function allowedOrigin(app: TestApp, origin: string, path = "/rest"): Promise<string | null> {
  const answer = await app.fetch(path, { headers: { origin } });
  return answer.headers.get("access-control-allow-origin");
}

describe("which origins may read answers", () => {
  test.for([
    ["none by default in production", { NODE_ENV: "production" }, SHOP, null],
    ["not localhost either in production", { NODE_ENV: "production" }, "http://localhost:5173", null],
    ["the one that is listed", { CORS_ORIGINS: SHOP }, SHOP, SHOP],
    ["each that is listed", { CORS_ORIGINS: `http://a.example, ${SHOP}` }, SHOP, SHOP],
    ["not one that only begins the same", { CORS_ORIGINS: SHOP }, `${SHOP}.evil.example`, null],
    ["not one that only ends the same", { CORS_ORIGINS: SHOP }, "https://evil-shop.example", null],
    ["not another scheme", { CORS_ORIGINS: SHOP }, "http://shop.example", null],
    ["not another port", { CORS_ORIGINS: SHOP }, `${SHOP}:8443`, null],
    ["every one with *", { CORS_ORIGINS: "*" }, SHOP, "*"],
    ["not null", { CORS_ORIGINS: SHOP }, "null", null],
    ["localhost in development", { NODE_ENV: "development" }, "http://localhost:5173", "http://localhost:5173"],
    ["127.0.0.1 in development", { NODE_ENV: "development" }, "http://127.0.0.1:1", "http://127.0.0.1:1"],
    ["[::1] in development", { NODE_ENV: "development" }, "http://[::1]:1", "http://[::1]:1"],
    ["no stranger in development", { NODE_ENV: "development" }, SHOP, null],
    ["no localhost look-alike", { NODE_ENV: "development" }, "http://localhost.evil.example", null],
  ] as const)("%s", async ([, config, origin, allowed]) => {
    await using app = await open(config);
    for (const path of ["/rest", "/nowhere", "/healthz"]) expect(await allowedOrigin(app, origin, path)).toBe(allowed);
  });

  test("a request without an origin, or of the same one, is none of it", async () => {
    await using app = await open({ CORS_ORIGINS: SHOP });
    expect((await app.fetch("/rest")).headers.get("access-control-allow-origin")).toBeNull();
    expect(await allowedOrigin(app, app.url)).toBeNull();
    expect(app.logs.filter(({ levelname }) => levelname === "WARN")).toEqual([]);
  });
});

describe("an allowed origin", () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await open({ CORS_ORIGINS: SHOP, PROPAGATE_HEADERS: "x-tenant" });
  });
  afterAll(() => app.stop());

  const list = (value: string | null) => (value ?? "").toLowerCase().split(/,\s*/);

  test.for([
    ["Connect", "/name.v1.NameService/ProcessName", "POST", ["connect-protocol-version", "connect-timeout-ms"]],
    ["gRPC-Web", "/name.v1.NameService/ProcessName", "POST", ["x-grpc-web", "grpc-timeout", "x-user-agent"]],
    ["REST", "/rest", "DELETE", ["x-request-id", "authorization", "x-tenant", "traceparent"]],
  ] as const)("gets its preflight for %s answered", async ([, path, method, fields]) => {
    const headers = {
      origin: SHOP,
      "access-control-request-method": method,
      "access-control-request-headers": ["content-type", ...fields].join(","),
    };
    const answer = await app.fetch(path, { method: "OPTIONS", headers });
    expect(answer.status).toBe(204);
    expect(answer.headers.get("access-control-allow-origin")).toBe(SHOP);
    expect(list(answer.headers.get("access-control-allow-methods"))).toContain(method.toLowerCase());
    expect(list(answer.headers.get("access-control-allow-headers"))).toEqual(
      expect.arrayContaining(["content-type", ...fields]),
    );
    expect(Number(answer.headers.get("access-control-max-age"))).toBeGreaterThan(0);
    expect(answer.headers.get("access-control-allow-credentials")).toBeNull();
  });

  test.for(["/rest", "/name.v1.NameService/ProcessName"])("may read on %s what protocols need", async (path) => {
    const init = { method: "POST", body: "{}", headers: { origin: SHOP, "content-type": "application/json" } };
    const answer = await app.fetch(path, init);
    expect(list(answer.headers.get("access-control-expose-headers"))).toEqual(
      expect.arrayContaining(["grpc-status", "grpc-message", "grpc-status-details-bin", "x-request-id"]),
    );
    expect(answer.headers.get("access-control-allow-credentials")).toBeNull();
  });

  test("reads errors as well", async () => {
    const answer = await app.fetch("/nowhere", { headers: { origin: SHOP } });
    expect(answer.status).toBe(404);
    expect(answer.headers.get("access-control-allow-origin")).toBe(SHOP);
  });

  test("is what every answer depends on, whoever asks", async () => {
    for (const path of ["/rest", "/nowhere", "/healthz", "/name.v1.NameService/ProcessName"]) {
      for (const origin of [undefined, SHOP, "https://evil.example", app.url]) {
        const answer = await app.fetch(path, { headers: origin === undefined ? {} : { origin } });
        expect(list(answer.headers.get("vary"))).toContain("origin");
      }
    }
    expect(list((await app.fetch("/rest")).headers.get("vary"))).toEqual(["origin", "accept"]);
  });
});

describe("credentials", () => {
  test("are allowed where they are configured", async () => {
    await using app = await open({ CORS_ORIGINS: SHOP, CORS_CREDENTIALS: "true" });
    const answer = await app.fetch("/rest", { headers: { origin: SHOP } });
    expect(answer.headers.get("access-control-allow-credentials")).toBe("true");
    expect(answer.headers.get("access-control-allow-origin")).toBe(SHOP);
    const refused = await app.fetch("/rest", { headers: { origin: "https://evil.example" } });
    expect(refused.headers.get("access-control-allow-credentials")).toBeNull();
  });

  test("never go with *", async () => {
    const starting = open({ CORS_ORIGINS: "*", CORS_CREDENTIALS: "true" });
    await expect(starting).rejects.toThrow("CORS_CREDENTIALS");
  });
});

describe("warnings of refused origins", () => {
  test("come once for each, and name it and the value to set", async () => {
    await using app = await open({});
    for (const origin of [SHOP, "https://other.example", SHOP, SHOP]) await allowedOrigin(app, origin);
    const warnings = app.logs.filter(({ levelname }) => levelname === "WARN").map(({ message }) => message);
    expect(warnings).toEqual([
      expect.stringContaining(`set CORS_ORIGINS=${SHOP}`),
      expect.stringContaining("set CORS_ORIGINS=https://other.example"),
    ]);
  });

  test("do not suggest a value that would be refused", async () => {
    await using app = await open({});
    await allowedOrigin(app, "null");
    const [warning] = app.logs.filter(({ levelname }) => levelname === "WARN");
    expect(warning?.message).toContain("null");
    expect(warning?.message).not.toContain("CORS_ORIGINS=null");
  });

  test("are no way to flood the log", async () => {
    await using app = await open({});
    for (let at = 0; at < 150; at++) await allowedOrigin(app, `https://s${at}.example`);
    expect(app.logs.filter(({ levelname }) => levelname === "WARN")).toHaveLength(100);
  });
});
