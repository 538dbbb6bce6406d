import { once } from "node:events";
import { Readable } from "node:stream";
import { Code, ConnectError } from "@connectrpc/connect";
import Koa from "koa";
import { currentCall, defineService } from "portico";
import { startTest, type TestApp } from "portico/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BadRequestSchema } from "../../gen/google/rpc/error_details_pb.js";
import { type Asked, type Asking, overHttp1, overHttp2 } from "../support/asking.ts";
import { until } from "../support/until.ts";

const aborted: unknown[] = [];

function koa(): Koa {
  const app = new Koa();
  app.use(async (context) => {
    switch (context.path) {
      case "/stream":
        context.type = "text";
        context.body = Readable.from(["a", "b", "c"]);
        break;
      case "/cached":
        context.body = "content";
        context.etag = "v1";
        context.status = 200;
        if (context.fresh) context.status = 304;
        break;
      case "/connect-error":
        throw new ConnectError("no such name", Code.NotFound, { "x-secret": "1" }, [
          { desc: BadRequestSchema, value: { fieldViolations: [{ field: "name", description: "unknown" }] } },
        ]);
      case "/error":
        throw new Error("the password of the database");
      case "/bad":
        context.throw(400, "name is missing");
        break;
      case "/hidden":
        context.throw(418, "a word too many", { expose: false });
        break;
      case "/breaks":
        context.body = Readable.from(
          (async function* () {
            yield "begun";
            throw new Error("the source dried up");
          })(),
        );
        break;
      case "/ignores-time":
        await new Promise(() => undefined);
        break;
      case "/waits":
        if (!currentCall().signal.aborted) await once(currentCall().signal, "abort");
        aborted.push(currentCall().signal.reason);
        break;
      case "/echo": {
        let body = "";
        for await (const chunk of context.req) body += chunk;
        context.set("x-seen", JSON.stringify(context.headers));
        context.body = body;
        break;
      }
    }
  });
  return app;
}

let app: TestApp;
beforeAll(async () => {
  app = await startTest(defineService({ name: "web", http: koa }));
});
afterAll(() => app.stop());

describe.each([
  ["HTTP/1.1", overHttp1],
  ["HTTP/2", overHttp2],
] as const)("over %s", (_, over: Asking) => {
  const ask = (path: string, asked: Asked = {}) => over(app.url, path, asked);
  const problem = (body: string) => JSON.parse(body) as Record<string, unknown>;

  test("a body streams in and out", async () => {
    expect(await ask("/stream")).toMatchObject({ status: 200, body: "abc" });
    expect(await ask("/echo", { method: "POST", body: "x".repeat(100_000) })).toMatchObject({
      status: 200,
      body: "x".repeat(100_000),
    });
  });

  test.each(["/stream", "/cached", "/nowhere", "/error", "/healthz"])(
    "HEAD %s answers without a body",
    async (path) => {
      const get = await ask(path);
      const head = await ask(path, { method: "HEAD" });
      expect(head).toMatchObject({ status: get.status, body: "" });
      expect(head.headers.get("content-type")).toBe(get.headers.get("content-type"));
    },
  );

  test("what has not changed is 304 without a body", async () => {
    // fetch itself would say no-cache, and nothing would be fresh.
    const known = (etag: string) => ({ headers: { "if-none-match": etag, "cache-control": "max-age=60" } });
    expect(await ask("/cached", known('"v1"'))).toMatchObject({ status: 304, body: "" });
    expect(await ask("/cached", known('"v0"'))).toMatchObject({ status: 200 });
  });

  test("a ConnectError is a problem with its status, code, request id and details", async () => {
    const { status, headers, body } = await ask("/connect-error", { headers: { "x-request-id": "id-1" } });
    expect(status).toBe(404);
    expect(headers.get("content-type")).toBe("application/problem+json");
    expect(headers.get("x-request-id")).toBe("id-1");
    expect(headers.get("x-secret")).toBeNull();
    expect(problem(body)).toMatchObject({
      status: 404,
      code: "not_found",
      detail: "no such name",
      request_id: "id-1",
      details: [{ type: "google.rpc.BadRequest" }],
    });
  });

  test("any other error is internal, says nothing, and is in the log with its stack", async () => {
    const { status, headers, body } = await ask("/error");
    expect(status).toBe(500);
    expect(problem(body)).toMatchObject({ code: "internal", detail: "internal error" });
    expect(body).not.toContain("password");
    const lines = app.logs.filter(({ request_id }) => request_id === headers.get("x-request-id"));
    const error = await until(() => lines.find(({ levelname }) => levelname === "ERROR"));
    expect(error["err"]).toMatchObject({
      message: "the password of the database",
      stack: expect.stringContaining("koa.spec.ts"),
    });
  });

  test("Koa's own errors keep their status, and their message where they expose it", async () => {
    expect(problem((await ask("/bad")).body)).toMatchObject({ status: 400, detail: "name is missing" });
    const hidden = await ask("/hidden");
    expect(hidden.status).toBe(418);
    expect(hidden.body).not.toContain("a word too many");
  });

  test("a path that nobody answers is a problem", async () => {
    expect(problem((await ask("/nowhere")).body)).toMatchObject({ status: 404, code: "not_found" });
  });

  test("a body that breaks off breaks off the answer, and is in the log", async () => {
    await expect(ask("/breaks")).rejects.toThrow();
    await until(() => app.logs.find((line) => JSON.stringify(line).includes("the source dried up")));
    expect((await ask("/stream")).status).toBe(200);
  });

  test("the deadline that the caller sets is answered, whatever the handler does", async () => {
    const { status, body } = await ask("/ignores-time", { headers: { "connect-timeout-ms": "50" } });
    expect(status).toBe(504);
    expect(problem(body)).toMatchObject({ code: "deadline_exceeded" });
  });

  test("a deadline that is none is 400", async () => {
    const { status, body } = await ask("/stream", { headers: { "connect-timeout-ms": "soon" } });
    expect(status).toBe(400);
    expect(problem(body)).toMatchObject({ code: "invalid_argument" });
  });

  test("a deadline aborts the signal of the call with its reason", async () => {
    const count = aborted.length;
    expect((await ask("/waits", { headers: { "connect-timeout-ms": "50" } })).status).toBe(504);
    await until(() => aborted.length > count);
    expect(aborted.at(-1)).toMatchObject({ code: Code.DeadlineExceeded });
  });

  test("forwarding fields of a peer that is no trusted proxy are not there", async () => {
    const headers = {
      "x-forwarded-for": "203.0.113.7",
      "x-forwarded-proto": "https",
      forwarded: "for=1",
      "x-other": "1",
    };
    const seen = JSON.parse((await ask("/echo", { headers })).headers.get("x-seen") ?? "{}") as Record<string, string>;
    expect(seen["x-other"]).toBe("1");
    expect(Object.keys(seen).filter((name) => name.includes("forwarded"))).toEqual([]);
  });

  test("forwarding fields of a trusted proxy are", async () => {
    const config = { TRUSTED_PROXIES: "127.0.0.1" };
    await using behind = await startTest(defineService({ name: "web", http: koa }), { config });
    const answer = await over(behind.url, "/echo", { headers: { "x-forwarded-proto": "https" } });
    expect(answer.headers.get("x-seen")).toContain("x-forwarded-proto");
  });
});
