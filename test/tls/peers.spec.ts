import { setImmediate as turn } from "node:timers/promises";
import { Code, createClient } from "@connectrpc/connect";
import Koa from "koa";
import { authorize, currentCall, defineService, detached, implement, type PeerIdentity } from "portico";
import { createChannel } from "portico/client";
import { inCall, startTest } from "portico/testing";
import { describe, expect, test } from "vitest";
import { GreeterService } from "../../gen/greeter/v1/greeter_pb.js";
import { Health } from "../../gen/health/v1/health_pb.js";
import { NameService } from "../../gen/name/v1/name_pb.js";
import { accessLine } from "../support/access.ts";
import { until } from "../support/until.ts";
import { ask, outcomeOf } from "./asked.ts";
import { A_FRIEND, A_STRANGER, AUTHORITY, ENGINES, guarded, NOBODY, RULES, startGuarded, VISITORS } from "./guarded.ts";
import { byJson, PROCESS_NAME, RPCS } from "./rpcs.ts";

const FRIEND = "spiffe://example.org/friend";
const whole: PeerIdentity = { spiffeId: undefined, dnsNames: ["b"], subject: "CN=a", name: "dns:b" };

describe.each(ENGINES)("answered by %s", (engine) => {
  test("a call knows its peer in interceptors and handlers of every protocol, and in the web application", async () => {
    await using service = await startGuarded({ engine });
    for (const visitor of VISITORS) {
      for (const { asked, versions } of [
        ...RPCS,
        { asked: { method: "GET", path: "/" }, versions: ["1.1", "2"] as const },
      ]) {
        for (const version of versions) {
          await ask(version, service.port, visitor, asked);
          expect(service.seen.splice(0).map(({ by }) => by)).toEqual(
            asked.path === "/" ? [visitor.identity] : [visitor.identity, visitor.identity],
          );
        }
      }
    }
  });

  test("channels and their streams are let in by their certificate", async () => {
    await using service = await startGuarded({ engine, rules: RULES });
    const url = `https://localhost:${service.port}`;
    for (const { shows, rpc } of VISITORS) {
      for (const protocol of ["grpc", "grpc-web", "connect"] as const) {
        await using channel = createChannel(url, { protocol, tls: { ca: AUTHORITY, ...shows } });
        const names = createClient(NameService, channel);
        for (const call of [
          () => names.processName({ name: "ada" }),
          () => firstOf(names.processNames(once({ name: "ada" }))),
        ]) {
          const code = rpc === "unauthenticated" ? Code.Unauthenticated : Code.PermissionDenied;
          await (rpc === "ok"
            ? expect(call()).resolves.toMatchObject({ name: "ADA" })
            : expect(call()).rejects.toMatchObject({
                code,
                rawMessage: expect.stringContaining("name.v1.NameService"),
              }));
        }
      }
    }
  });
});

async function firstOf<T>(answers: AsyncIterable<T>): Promise<T | undefined> {
  for await (const answer of answers) return answer;
  return undefined;
}

async function* once<T>(message: T): AsyncIterable<T> {
  yield message;
}

test("a call's detached work knows its peer, and asks the same rules", async () => {
  const said: string[] = [];
  const service = defineService({
    name: "leaving",
    routes: () => [
      implement(NameService, {
        processName({ name }) {
          detached("the rest", async () => {
            await turn();
            authorize(NameService.method.processName);
            said.push(`${currentCall().peer.identity?.name}`);
            authorize(NameService.method.processNames);
          });
          return { name };
        },
        async *processNames() {
          yield {};
        },
      }),
    ],
    access: () => [{ to: NameService.method.processName, from: FRIEND }],
  });
  await using app = await startTest(service, { identity: FRIEND });
  await app.client(NameService).processName({ name: "ada" });
  const line = await until(() => app.logs.find(({ levelname }) => levelname === "ERROR"));
  expect(said).toEqual([FRIEND]);
  expect(JSON.stringify(line)).toContain(`${FRIEND} may not call name.v1.NameService/ProcessNames`);
});

test("a refusal by authorize is answered and logged as the rules' own, over RPC and by the web application", async () => {
  const service = defineService({
    name: "asking",
    routes: () => [
      implement(NameService, {
        processName() {
          authorize(GreeterService.method.sayHello);
          return {};
        },
        async *processNames() {
          yield {};
        },
      }),
    ],
    http: () =>
      new Koa().use((context) => {
        authorize(NameService.method.processNames);
        context.body = "never";
      }),
    access: () => [{ to: [NameService.method.processName, "http"], from: "verified" }],
  });
  await using app = await startTest(service, { identity: whole });
  await expect(app.client(NameService).processName({})).rejects.toMatchObject({
    code: Code.PermissionDenied,
    rawMessage: "dns:b may not call greeter.v1.GreeterService/SayHello",
  });
  const response = await app.fetch("/any");
  expect(response.status).toBe(403);
  expect(await response.json()).toMatchObject({
    code: "permission_denied",
    detail: "dns:b may not call name.v1.NameService/ProcessNames",
  });
  expect(await accessLine(app, { response_status: 403 })).toMatchObject({ peer_identity: "dns:b" });
  expect(app.logs.filter(({ levelname }) => levelname === "ERROR")).toEqual([]);
});

test("authorize lets everybody pass where there are no rules, and is no use outside a call", async () => {
  await inCall({}, () => authorize(NameService.method.processName));
  expect(() => authorize(NameService.method.processName)).toThrow("currentCall() was used outside a call");
});

describe("under test", () => {
  test.each([
    [undefined, undefined, Code.Unauthenticated],
    ["spiffe://example.org/another", "spiffe://example.org/another", Code.PermissionDenied],
    [whole, "dns:b", Code.PermissionDenied],
    [FRIEND, FRIEND, undefined],
  ])("who calls may be %j, in cleartext", async (identity, peer_identity, code) => {
    const { service, seen } = guarded(RULES);
    await using app = await startTest(service, identity === undefined ? {} : { identity });
    const answer = app.client(NameService).processName({ name: "ada" });
    await (code === undefined ? expect(answer).resolves.toBeDefined() : expect(answer).rejects.toMatchObject({ code }));
    const health = app.client(Health).check({});
    await (code === undefined ? expect(health).resolves.toBeDefined() : expect(health).rejects.toMatchObject({ code }));
    expect((await app.fetch("/hello")).ok).toBe(code === undefined);
    expect(new Set(seen.map(({ by }) => by))).toEqual(new Set(code === undefined ? [FRIEND] : []));
    const line = await accessLine(app, { first_request_line: "GET /hello HTTP/1.1" });
    expect(line["peer_identity"]).toBe(peer_identity);
  });

  test("a call made up has the identity that it is given", async () => {
    await inCall({ identity: FRIEND }, () => {
      expect(currentCall().peer.identity).toEqual({ spiffeId: FRIEND, dnsNames: [], subject: "", name: FRIEND });
    });
    await inCall({ identity: whole }, () => expect(currentCall().peer.identity).toBe(whole));
    await inCall({}, () => expect(currentCall().peer.identity).toBeUndefined());
  });
});

test("a request that cannot be told where it goes is refused as such, and its line names its peer", async () => {
  await using service = await startGuarded({ rules: RULES });
  for (const visitor of [NOBODY, A_STRANGER, A_FRIEND]) {
    const asked = { ...byJson(PROCESS_NAME), header: { host: "a, b", "content-type": "application/json" } };
    expect(outcomeOf(await ask("1.1", service.port, visitor, asked))).toBe("invalid_argument");
  }
  const lines = await until(() => {
    const written = service.logs.filter(({ name }) => name === "guarded.access");
    return written.length === 3 && written;
  });
  expect(lines.map((line) => line["peer_identity"])).toEqual([undefined, A_STRANGER.identity, A_FRIEND.identity]);
});
