import type { TestApp } from "portico/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { envelope } from "../peers/messages.ts";
import { accessLine } from "../support/access.ts";
import { makeKinds } from "./kinds.ts";
import { type Asked, overHttp1, overHttp2, type Told } from "./over-tls.ts";
import { startSecured } from "./secured.ts";

// Where client certificates are required, what a client without one gets: probes, and nothing else.

const { authority, servers, clients } = await makeKinds();
const ca = authority.cert;
const MESSAGE = "a client certificate is needed";
const PROCESS_NAME = "/name.v1.NameService/ProcessName";
const QUERY = "?connect=v1&encoding=json&message=%7B%22name%22%3A%22ada%22%7D";

let app: TestApp;
beforeAll(async () => {
  app = await startSecured({
    pair: servers.right,
    clientCa: ca,
    config: { REFLECTION: "on", CORS_ORIGINS: "https://shop.example" },
  });
});
afterAll(() => app.stop());

const rpc = (path: string, type: string, body: string | Uint8Array): Asked => {
  return { method: "POST", path, headers: { "content-type": type, te: "trailers" }, body };
};
const grpc = (path: string) => rpc(path, "application/grpc", envelope("ada"));

/** How each protocol says that a caller is not known. */
const REFUSED = {
  grpc: { status: 200, headers: { "grpc-status": "16", "grpc-message": MESSAGE } },
  "a problem": {
    status: 401,
    headers: { "content-type": "application/problem+json" },
    body: expect.stringMatching(`"status":401,"detail":"${MESSAGE}","code":"unauthenticated"`),
  },
  connect: {
    status: 401,
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ code: "unauthenticated", message: MESSAGE }),
  },
  "the end of a stream": {
    status: 200,
    headers: { "content-type": "application/connect+json" },
    body: expect.stringMatching(`^\x02.*"error":{"code":"unauthenticated","message":"${MESSAGE}"}`),
  },
} as const;

/** The status where it needs HTTP/2, over both versions. */
const STREAMED = { "HTTP/1.1": 505, "HTTP/2": 200 } as const;
type Served = number | typeof STREAMED;

/** What is asked for, how it is refused, and the status that a client with a certificate has in its place. */
const ASKED: readonly (readonly [what: string, as: keyof typeof REFUSED, served: Served, asked: Asked])[] = [
  ["a gRPC call", "grpc", 200, grpc(PROCESS_NAME)],
  ["a gRPC stream", "grpc", STREAMED, grpc("/name.v1.NameService/ProcessNames")],
  ["a gRPC call of no method", "grpc", 200, grpc("/name.v1.NameService/None")],
  ["a gRPC-Web call", "grpc", 200, rpc(PROCESS_NAME, "application/grpc-web+proto", envelope("ada"))],
  ["a gRPC-Web call in text", "grpc", 200, rpc(PROCESS_NAME, "application/grpc-web-text", btoa("\0\0\0\0\0"))],
  ["a Connect call", "connect", 200, rpc(PROCESS_NAME, "application/json", '{"name":"ada"}')],
  ["a Connect GET", "connect", 200, { path: PROCESS_NAME + QUERY }],
  [
    "a Connect stream",
    "the end of a stream",
    STREAMED,
    rpc("/name.v1.NameService/ProcessNames", "application/connect+json", "\0\0\0\0\0"),
  ],
  ["health by gRPC", "grpc", 200, rpc("/grpc.health.v1.Health/Check", "application/grpc", Buffer.alloc(5))],
  ["reflection", "grpc", STREAMED, grpc("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")],
  ["a page", "a problem", 200, { path: "/whoami" }],
  ["a path that is not served", "a problem", 404, { path: "/nowhere" }],
  ["a form for a probe's path", "a problem", 404, { method: "POST", path: "/healthz", body: "" }],
  ["a path below a probe's", "a problem", 404, { path: "/healthz/" }],
  ["a probe's path in capitals", "a problem", 404, { path: "/HEALTHZ" }],
  ["a probe's path with an escape", "a problem", 404, { path: "/%68ealthz" }],
  ["a probe's path after another's", "a problem", 404, { path: "/whoami/../healthz" }],
  [
    "a preflight",
    "a problem",
    204,
    {
      method: "OPTIONS",
      path: PROCESS_NAME,
      headers: { origin: "https://shop.example", "access-control-request-method": "POST" },
    },
  ],
];

describe.each([
  ["HTTP/1.1", overHttp1],
  ["HTTP/2", overHttp2],
] as const)("over %s", (version, ask) => {
  test.each([
    ["GET", "/healthz", '{"status":"alive"}'],
    ["HEAD", "/healthz", ""],
    ["GET", "/readyz?verbose", '{"status":"serving"}'],
    ["HEAD", "/readyz", ""],
  ])("%s %s is answered without a certificate", async (method, path, body) => {
    expect(await ask(app.url, { ca }, { method, path })).toMatchObject({ status: 200, body });
  });

  test.each(ASKED)("%s is refused by %s", async (_what, as, served, asked) => {
    expect(await ask(app.url, { ca }, asked)).toMatchObject(REFUSED[as]);
    const answer = await ask(app.url, { ca, ...clients.right }, asked);
    expect(answer.status).toBe(typeof served === "number" ? served : served[version]);
    expect(codeOf(answer)).not.toBe("16");
  });

  test("whoever shows a certificate that is not accepted is not even let in to pages, but to probes", async () => {
    const shown = { ca, ...clients["of another authority"] };
    expect(await ask(app.url, shown, { path: "/readyz" })).toMatchObject({ status: 200 });
    expect(await ask(app.url, shown, { path: "/whoami" })).toMatchObject({ status: 401 });
  });

  test("a body that never ends is refused before it is read", async () => {
    const headers = { "content-type": "application/json" };
    const upload = { method: "POST", path: PROCESS_NAME, headers, body: null };
    expect(await ask(app.url, { ca }, upload)).toMatchObject(REFUSED.connect);
  });

  test("the access log has the refusal, and nobody's name", async () => {
    const headers = { "x-request-id": `refused-${version.replace("/", "-")}` };
    await ask(app.url, { ca }, { path: "/whoami", headers });
    const line = await accessLine(app, { request_id: headers["x-request-id"] });
    expect(line).toMatchObject({ response_status: 401 });
    expect(line).not.toHaveProperty("peer_identity");
  });
});

function codeOf({ headers, trailers }: Told): unknown {
  return trailers["grpc-status"] ?? headers["grpc-status"];
}
