import { once } from "node:events";
import * as tls from "node:tls";
import { startTest } from "portico/testing";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { accessLine } from "../support/access.ts";
import { until } from "../support/until.ts";
import { type Asked, ask, type HttpVersion, outcomeOf } from "./asked.ts";
import {
  A_FRIEND,
  A_STRANGER,
  A_WEB_VISITOR,
  AUTHORITY,
  ENGINES,
  type Guarded,
  guarded,
  NOBODY,
  RULES,
  startGuarded,
  type Visitor,
} from "./guarded.ts";
import { BY_GRPC, byGet, byJson, PROCESS_NAME, RPCS } from "./rpcs.ts";

const versions = ["1.1", "2"] as const;

async function outcome(service: Guarded, version: HttpVersion, visitor: Visitor, asked: Asked): Promise<string> {
  return ask(version, service.port, visitor, asked).then(outcomeOf, (error: Error) => {
    if ("code" in error && error.code === "ERR_HTTP2_STREAM_ERROR") {
      return "reset"; // of a request that is none (RFC 9113, 8.1.1)
    }
    throw error;
  });
}

describe.each(ENGINES)("rules of access, answered by %s,", (engine) => {
  let service: Guarded;
  beforeAll(async () => {
    service = await startGuarded({ rules: RULES, engine });
  });
  afterAll(() => service[Symbol.asyncDispose]());
  beforeEach(() => void service.seen.splice(0));

  /** What ran of the service's code, besides its web application. */
  const reached = () => service.seen.filter(({ what }) => what !== "the web application");

  test.each([
    "/NAME.V1.NAMESERVICE/PROCESSNAME",
    "/name.v1.NameService/processname",
    "/name.v1.nameservice/ProcessName",
    "/name.v1.NameService/processName", // its name in the generated code
    `/${PROCESS_NAME}`,
    "/name.v1.NameService//ProcessName",
    `${PROCESS_NAME}/`,
    `/.${PROCESS_NAME}`,
    `/x/..${PROCESS_NAME}`,
    "/name.v1.NameService/./ProcessName",
    "/name.v1.NameService/%50rocessName",
    "/name.v1.NameService%2FProcessName",
    "/name%2ev1.NameService/ProcessName",
    `${PROCESS_NAME}%00`,
    `${PROCESS_NAME}%3Fa`,
    `${PROCESS_NAME};a=b`,
    `${PROCESS_NAME}#a`,
    "/name.v1.NameService\\ProcessName",
    "\\name.v1.NameService/ProcessName",
    "name.v1.NameService/ProcessName",
    `/rpc${PROCESS_NAME}`,
    "*",
  ])("know no method by the path %s", async (path) => {
    for (const version of versions) {
      for (const asked of [byJson(path), byGet(path), ...(version === "2" ? [BY_GRPC(path)] : [])]) {
        for (const visitor of [NOBODY, A_WEB_VISITOR]) {
          await outcome(service, version, visitor, asked); // of the web application, or there is nothing
        }
      }
    }
    expect(reached()).toEqual([]);
    expect(service.seen.map(({ by }) => by)).not.toContain(NOBODY.identity);
  });

  test.each([
    ["a query", `${PROCESS_NAME}?a=b`, versions],
    ["a query that looks like another path", `${PROCESS_NAME}?/any`, versions],
    ["an authority before it", `https://localhost:PORT${PROCESS_NAME}`, ["1.1"]],
    ["an authority in upper case before it", `HTTPS://LOCALHOST:PORT${PROCESS_NAME}`, ["1.1"]],
  ] as const)("know a method by its path with %s", async (_, written, by) => {
    const asked = byJson(written.replace("PORT", String(service.port)));
    for (const version of by) {
      expect(await outcome(service, version, NOBODY, asked)).toBe("unauthenticated");
      expect(await outcome(service, version, A_WEB_VISITOR, asked)).toBe("permission_denied");
      expect(service.seen).toEqual([]);
      expect(await outcome(service, version, A_FRIEND, asked)).toBe("ok");
      service.seen.splice(0);
    }
  });

  test.each([
    "text/plain",
    "application/xml",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=a",
    "application/json+x",
    "application/connect+thrift",
    "APPLICATION/JSON",
    "application/json, text/plain",
    "x",
    "",
  ])("hold at a method's path for content type %j", async (type) => {
    for (const version of versions) {
      const asked = { ...byJson(PROCESS_NAME), header: type === "" ? {} : { "content-type": type } };
      expect(await outcome(service, version, NOBODY, asked)).toBe("unauthenticated");
      expect(await outcome(service, version, A_WEB_VISITOR, asked)).toBe("permission_denied");
    }
    expect(service.seen).toEqual([]);
  });

  test.each(["application/grpc+thrift", "application/grpc-web+x"])("hold in gRPC's words for %s", async (type) => {
    const asked = { ...BY_GRPC(PROCESS_NAME), header: { "content-type": type } };
    expect(await outcome(service, "2", NOBODY, asked)).toBe("unauthenticated");
    expect(await outcome(service, "2", A_WEB_VISITOR, asked)).toBe("permission_denied");
    expect(service.seen).toEqual([]);
  });

  test.each(["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"])(
    "hold at a method's path for %s",
    async (method) => {
      for (const version of versions) {
        const header = { "x-http-method-override": "POST", "content-type": "application/json" };
        const asked = { method, path: PROCESS_NAME, header };
        expect(await outcome(service, version, NOBODY, asked)).toBe("unauthenticated");
        expect(await outcome(service, version, A_WEB_VISITOR, asked)).toBe("permission_denied");
      }
      expect(service.seen).toEqual([]);
    },
  );

  test.each(versions)("hold for HEAD over HTTP/%s, whose answers have no body to say so", async (version) => {
    for (const path of [PROCESS_NAME, "/any"]) {
      expect((await ask(version, service.port, NOBODY, { method: "HEAD", path })).status).toBe(401);
      expect((await ask(version, service.port, A_STRANGER, { method: "HEAD", path })).status).toBe(403);
    }
    expect(service.seen).toEqual([]);
  });

  test("hold for an upgrade at a method's path", async () => {
    const asked = { method: "GET", path: PROCESS_NAME, header: { connection: "upgrade", upgrade: "echo" } };
    expect(await outcome(service, "1.1", A_WEB_VISITOR, asked)).toBe("permission_denied");
    expect(service.seen).toEqual([]);
  });

  test("count who a connection's peer is, not who came before: one without ALPN that speaks HTTP/2 leaves nothing", async () => {
    const before = tls.connect({ port: service.port, servername: "localhost", ca: AUTHORITY, ...A_FRIEND.shows });
    before.on("error", () => undefined);
    before.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
    await once(before, "data"); // whatever it is told
    before.destroy();
    for (const visitor of [A_STRANGER, NOBODY, A_FRIEND]) {
      for (const { asked } of RPCS.filter((rpc) => rpc.versions.includes("2"))) {
        expect(await outcome(service, "2", visitor, asked)).toBe(visitor.rpc);
      }
    }
  });
});

const CLAIMS = {
  "x-forwarded-client-cert":
    'By=spiffe://example.org/guarded;Hash=00;Subject="CN=friend";URI=spiffe://example.org/friend',
  "x-ssl-client-verify": "SUCCESS",
  "x-ssl-client-s-dn": "CN=friend",
  "ssl-client-cert": AUTHORITY.trim().replaceAll("\n", " "),
  "client-cert": `:${Buffer.from(AUTHORITY).toString("base64")}:`,
  "x-client-cert": AUTHORITY.trim().replaceAll("\n", " "),
  "x-spiffe-id": "spiffe://example.org/friend",
  "x-forwarded-user": "spiffe://example.org/friend",
  "x-forwarded-for": "127.0.0.1",
  "x-peer-identity": "spiffe://example.org/friend",
  peer_identity: "spiffe://example.org/friend",
  forwarded: 'for=127.0.0.1;by="spiffe://example.org/friend"',
  from: "spiffe://example.org/friend",
  authorization: "Bearer spiffe://example.org/friend", // which the log hides, wherever it is said by a caller
  cookie: "a=peer_identity; b=spiffe://example.org/friendly",
} as const;

test("no header says who somebody is, also not a trusted proxy's", async () => {
  await using service = await startGuarded({ rules: RULES, config: { TRUSTED_PROXIES: "127.0.0.0/8,::/0" } });
  for (const visitor of [NOBODY, A_STRANGER]) {
    for (const { asked, versions: by } of [...RPCS, { asked: { method: "GET", path: "/any", header: {} }, versions }]) {
      for (const version of by) {
        const claiming = { ...asked, header: { ...asked.header, ...CLAIMS } };
        expect(await outcome(service, version, visitor, claiming)).toBe(visitor.rpc);
      }
    }
  }
  expect(service.seen).toEqual([]);
  const lines = await until(() => {
    const written = service.logs.filter(({ name }) => name === "guarded.access");
    return written.length >= 2 * (RPCS.flatMap((rpc) => rpc.versions).length + versions.length) && written;
  });
  expect(new Set(lines.map((line) => line["peer_identity"]))).toEqual(new Set([undefined, A_STRANGER.identity]));
});

test("in cleartext nobody is anybody, and the log says that rules are no use then", async () => {
  const { service, seen } = guarded(RULES);
  await using app = await startTest(service, { config: { TRUSTED_PROXIES: "127.0.0.0/8" } });
  const response = await app.fetch(PROCESS_NAME, {
    method: "POST",
    headers: { ...CLAIMS, "content-type": "application/json" },
    body: '{"name":"ada"}',
  });
  expect(await response.json()).toMatchObject({ code: "unauthenticated" });
  expect((await app.fetch("/any", { headers: CLAIMS })).status).toBe(401);
  expect(seen).toEqual([]);
  await accessLine(app, { first_request_line: "GET /any HTTP/1.1", response_status: 401 });
  expect(JSON.stringify(app.logs)).not.toContain("peer_identity");
  expect(app.logs.filter(({ levelname }) => levelname === "WARN").map(({ message }) => message)).toEqual([
    "there are rules of access, and nobody is asked for a certificate: TLS_CLIENT_CA_FILE is not set",
  ]);
});
