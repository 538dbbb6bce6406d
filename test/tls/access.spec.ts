import type { LogLine } from "portico/testing";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { until } from "../support/until.ts";
import { type Asked, ask, type HttpVersion, outcomeOf } from "./asked.ts";
import { ENGINES, type Guarded, NOBODY, RULES, startGuarded, VISITORS, type Visitor } from "./guarded.ts";
import { HEALTH, REFLECTION, RPCS, UNKNOWN } from "./rpcs.ts";

const rpcs = RPCS.flatMap((rpc) => rpc.versions.map((version) => ({ ...rpc, version })));
const versions = ["1.1", "2"] as const;
let requests = 0;

/** Asks as each visitor, and gives how it went by who asked, and the access lines. */
async function askAll(service: Guarded, version: HttpVersion, asked: Asked, visitors = VISITORS) {
  const outcomes: Partial<Record<Visitor["name"], string>> = {};
  const lines: Partial<Record<Visitor["name"], LogLine>> = {};
  for (const visitor of visitors) {
    const id = `r-${++requests}`;
    const answer = await ask(version, service.port, visitor, {
      ...asked,
      header: { ...asked.header, "x-request-id": id },
    });
    outcomes[visitor.name] = outcomeOf(answer);
    lines[visitor.name] = await until(() =>
      service.logs.find(({ name, request_id }) => name === "guarded.access" && request_id === id),
    );
    expect(lines[visitor.name]?.["peer_identity"]).toBe(visitor.identity);
  }
  return { outcomes, lines };
}

/** How all visitors fare, by what the rules say of one kind of target. */
const byRules = (kind: "rpc" | "http") => Object.fromEntries(VISITORS.map((visitor) => [visitor.name, visitor[kind]]));
const FOR_WHO_MAY_CALL_ANYTHING = byRules("http"); // whoever may call a method may use the web application as well
const notFriends = VISITORS.filter(({ rpc }) => rpc !== "ok");

describe.each(ENGINES)("rules of access, answered by %s,", (engine) => {
  let service: Guarded;
  beforeAll(async () => {
    service = await startGuarded({ rules: RULES, engine });
  });
  afterAll(() => service[Symbol.asyncDispose]());
  beforeEach(() => void service.seen.splice(0));

  test.each(rpcs)("hold for $name over HTTP/$version", async ({ version, protocol, asked }) => {
    const { outcomes, lines } = await askAll(service, version, asked);
    expect(outcomes).toEqual(byRules("rpc"));
    for (const { name, rpc } of VISITORS) {
      expect(lines[name]).toMatchObject({ rpc_protocol: protocol, rpc_code: rpc });
    }
    // An interceptor and the handler, and both for nobody else.
    expect(service.seen.map(({ by }) => by)).toEqual(Array(2).fill("spiffe://example.org/friend"));
  });

  test.each(rpcs.filter(({ asked }) => asked.body !== undefined))(
    "hold for $name over HTTP/$version before the body has come",
    async ({ version, asked }) => {
      const { outcomes } = await askAll(service, version, { ...asked, isEndless: true }, notFriends);
      expect(outcomes).toEqual({ ...byRules("rpc"), "a friend": undefined });
      expect(service.seen).toEqual([]);
    },
  );

  test.each(versions)("hold for the web application over HTTP/%s, also before the body has come", async (version) => {
    const { outcomes, lines } = await askAll(service, version, { method: "GET", path: "/any" });
    expect(outcomes).toEqual(byRules("http"));
    expect(lines["nobody"]).toMatchObject({ response_status: 401 });
    expect(lines["a stranger"]).toMatchObject({ response_status: 403 });
    const upload = { method: "POST", path: "/any", body: Buffer.from("the beginning"), isEndless: true };
    const strangers = VISITORS.filter(({ http }) => http !== "ok");
    expect((await askAll(service, version, upload, strangers)).outcomes).toEqual({
      nobody: "unauthenticated",
      "a stranger": "permission_denied",
    });
    expect(service.seen).toEqual(
      ["subject:CN=web visitor", "spiffe://example.org/friend"].map((by) => ({ what: "the web application", by })),
    );
  });

  test("hold for an upgrade", async () => {
    const header = { connection: "upgrade", upgrade: "echo" };
    const { outcomes, lines } = await askAll(service, "1.1", { method: "GET", path: "/any", header });
    expect(outcomes).toEqual(byRules("http"));
    expect(lines["a friend"]).toMatchObject({ response_status: 101 });
    expect(service.seen).toEqual(
      ["subject:CN=web visitor", "spiffe://example.org/friend"].map((by) => ({ what: "the upgrade", by })),
    );
  });

  test.each(versions)("hold for a route that does what a method does over HTTP/%s", async (version) => {
    const { outcomes } = await askAll(service, version, { method: "GET", path: "/hello" });
    expect(outcomes).toEqual(byRules("rpc")); // those whom the web application lets in have its method's rules before them
    expect(service.seen.filter(({ what }) => what === "SayHello").map(({ by }) => by)).toEqual([
      "spiffe://example.org/friend",
    ]);
  });

  test("let whoever may call anything ask for health and reflection", async () => {
    for (const asked of [HEALTH, ...REFLECTION]) {
      expect((await askAll(service, "2", asked)).outcomes).toEqual(FOR_WHO_MAY_CALL_ANYTHING);
    }
  });

  test("are not asked where there is no such method", async () => {
    const { outcomes } = await askAll(service, "2", UNKNOWN);
    expect(new Set(Object.values(outcomes))).toEqual(new Set(["unimplemented"]));
    expect(service.seen).toEqual([]);
  });

  test.each(versions)("leave probes to everybody over HTTP/%s", async (version) => {
    for (const path of ["/healthz", "/readyz"]) {
      const { outcomes } = await askAll(service, version, { method: "GET", path });
      expect(new Set(Object.values(outcomes))).toEqual(new Set(["ok"]));
      // What is no probe is no exception: not by its method, not by its path.
      expect((await askAll(service, version, { method: "POST", path })).outcomes).toEqual(byRules("http"));
      expect((await askAll(service, version, { method: "GET", path: `/${path}` })).outcomes).toEqual(byRules("http"));
    }
  });
});

test("without rules whoever has a certificate may call everything, and whoever has none all but reflection", async () => {
  await using service = await startGuarded({});
  for (const { version, asked } of rpcs) {
    expect(new Set(Object.values((await askAll(service, version, asked)).outcomes))).toEqual(new Set(["ok"]));
  }
  for (const asked of [HEALTH, { method: "GET", path: "/hello" }]) {
    expect(new Set(Object.values((await askAll(service, "2", asked)).outcomes))).toEqual(new Set(["ok"]));
  }
  for (const asked of REFLECTION) {
    const { nobody, ...verified } = (await askAll(service, "2", asked)).outcomes;
    expect(nobody).toBe("unauthenticated");
    expect(new Set(Object.values(verified))).toEqual(new Set(["ok"]));
  }
});

test("an empty list of rules lets nobody in but to probes", async () => {
  await using service = await startGuarded({ rules: [] });
  const others = [HEALTH, ...REFLECTION, { method: "GET", path: "/any" }].map((asked) => ({
    version: "2" as const,
    asked,
  }));
  for (const { version, asked } of [...rpcs, ...others]) {
    const { nobody, ...verified } = (await askAll(service, version, asked)).outcomes;
    expect(nobody).toBe("unauthenticated");
    expect(new Set(Object.values(verified))).toEqual(new Set(["permission_denied"]));
  }
  expect((await askAll(service, "2", { method: "GET", path: "/healthz" })).outcomes.nobody).toBe("ok");
  expect(service.seen).toEqual([]);
});

test("where certificates are required, a rule for anyone is for who has one, and all but probes are refused to nobody", async () => {
  const rules = [{ to: "http", from: "anyone" }] as const;
  await using service = await startGuarded({ rules, config: { TLS_CLIENT_AUTH: "require" } });
  const others = [UNKNOWN, HEALTH, ...REFLECTION, { method: "GET", path: "/any" }];
  for (const asked of [...rpcs.filter(({ version }) => version === "2").map((rpc) => rpc.asked), ...others]) {
    expect((await askAll(service, "2", { ...asked, isEndless: asked.body !== undefined }, [NOBODY])).outcomes).toEqual({
      nobody: "unauthenticated",
    });
  }
  expect((await askAll(service, "2", { method: "GET", path: "/readyz" }, [NOBODY])).outcomes).toEqual({ nobody: "ok" });
  const { "a stranger": stranger } = (await askAll(service, "2", { method: "GET", path: "/any" }, VISITORS)).outcomes;
  expect(stranger).toBe("ok");
});
