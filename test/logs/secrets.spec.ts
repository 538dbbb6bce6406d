import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import Koa from "koa";
import { createChannel, currentCall, defineService, implement } from "portico";
import { startTest, type TestApp } from "portico/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { accessLine } from "../support/access.ts";
import { CardSchema, SecretService } from "./gen/logs/v1/logs_pb.js";

// A handler that logs all that it can get hold of, in every way that comes to mind: none of it may show a secret.

const AUTHORIZATION = "Bearer tok-4711-abcdef";
const COOKIE = "session=c00k1e-value; theme=dark";
const PASS_PHRASE = 'open sesame \u00e4 "42"';
const CARD_NUMBER = "4000123412341234";
const SECRETS = ["tok-4711-abcdef", "c00k1e-value", "open sesame", CARD_NUMBER];

const service = defineService({
  name: "indiscreet",
  routes: () => [
    implement(SecretService, {
      confide(request, context) {
        const { log } = currentCall();
        log.info({ headers: context.requestHeader }, `headers: ${JSON.stringify([...context.requestHeader])}`);
        log.info({ request }, "the whole message");
        log.info({ nested: { deep: [{ request }] } }, "the message, further down");
        log.info(`the text ${request.passPhrase} and ${request.card?.number}`);
        log.info({ pass_phrase: request.passPhrase, passPhrase: request.passPhrase, number: CARD_NUMBER });
        log.info({ err: new Error(`no card ${request.card?.number}`, { cause: new Error(request.passPhrase) }) });
        log.info({ url: `/pay/${encodeURIComponent(request.passPhrase)}/${request.card?.number}` });
        if (request.deed === "throw") throw new Error(`cannot open with ${request.passPhrase}`);
        if (request.deed === "refuse") throw new ConnectError(`${request.passPhrase} is wrong`, Code.PermissionDenied);
        return {};
      },
    }),
  ],
  http: () => {
    const app = new Koa();
    app.use((context) => {
      const { log } = currentCall();
      log.info({ headers: context.headers, url: context.url }, `url ${context.url}`);
      if (context.path === "/throw") throw new Error(`bad token ${context.get("authorization")}`);
      context.body = "done";
    });
    return app;
  },
});

let app: TestApp;
beforeAll(async () => {
  app = await startTest(service);
});
afterAll(() => app.stop());

const headers = { authorization: AUTHORIZATION, cookie: COOKIE };

function expectNoSecret(): void {
  const secrets = [...SECRETS, encodeURIComponent(PASS_PHRASE)];
  const lines = app.logs.map((line) => JSON.stringify(line));
  expect(lines.filter((line) => secrets.some((secret) => line.includes(secret)))).toEqual([]);
}

const message = (deed: string) => ({
  user: "ada",
  passPhrase: PASS_PHRASE,
  card: create(CardSchema, { holder: "ada", number: CARD_NUMBER }),
  deed,
});

describe.each(["grpc", "grpc-web", "connect"] as const)("a handler over %s", (protocol) => {
  test.each(["log", "throw", "refuse"])("that does %s shows no secret", async (deed) => {
    await using channel = createChannel(app.url, { protocol });
    const id = `${protocol}-${deed}`;
    const outcome = createClient(SecretService, channel).confide(message(deed), {
      headers: { ...headers, "x-request-id": id },
    });
    await outcome.catch(() => undefined);
    await accessLine(app, { request_id: id });
    const lines = app.logs.filter(({ request_id, name }) => request_id === id && name === "indiscreet");
    expect(lines.length).toBeGreaterThanOrEqual(deed === "throw" ? 8 : 7); // what is not secret is there
    expect(lines[1]?.["request"]).toMatchObject({ user: "ada", card: { holder: "ada" }, deed });
    expectNoSecret();
  });
});

test("the query of a Connect GET is not logged at all", async () => {
  const text = JSON.stringify({ user: "grace-in-query", passPhrase: PASS_PHRASE, deed: "log" });
  const query = new URLSearchParams({ connect: "v1", encoding: "json", message: text });
  const path = "/logs.v1.SecretService/Confide";
  const answer = await app.fetch(`${path}?${query}`, { headers: { ...headers, "x-request-id": "get-1" } });
  expect(answer.status).toBe(200);
  const line = await accessLine(app, { request_id: "get-1" });
  expect(line["first_request_line"]).toBe(`GET ${path} HTTP/1.1`);
  expectNoSecret();
});

test("a secret in a path, a query or an error text of the web application is hidden", async () => {
  for (const path of [
    "/there/tok-4711-abcdef",
    `/there?pass_phrase=${encodeURIComponent(PASS_PHRASE)}&user=ada`,
    `/there?PassPhrase=x${encodeURIComponent(PASS_PHRASE)}&number=${CARD_NUMBER}`,
    "/there?session=c00k1e-value",
    "/throw",
  ]) {
    const id = `web-${path.length}`;
    await app.fetch(path, { headers: { ...headers, "x-request-id": id } });
    const line = await accessLine(app, { request_id: id });
    expect(line["first_request_line"]).toMatch(/^GET \/t/);
  }
  expectNoSecret();
});

test("what is no secret stays, on the same lines", async () => {
  await app.fetch("/there?user=ada&number=1", { headers: { ...headers, "x-request-id": "plain-1" } });
  const line = await accessLine(app, { request_id: "plain-1" });
  expect(line["first_request_line"]).toBe("GET /there?user=ada&number=[redacted] HTTP/1.1");
});
