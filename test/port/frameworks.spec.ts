import express from "express";
import Fastify from "fastify";
import { currentCall, defineService } from "portico";
import { startTest } from "portico/testing";
import { describe, expect, test } from "vitest";
import { accessLine } from "../support/access.ts";
import { type Asking, overHttp1, overHttp2 } from "../support/asking.ts";

const BOTH = [
  ["HTTP/1.1", overHttp1],
  ["HTTP/2", overHttp2],
] as const;

describe("a Fastify application", () => {
  const service = defineService({
    name: "fastified",
    http: async () => {
      const app = Fastify();
      app.get("/hello/:name", async (request) => {
        const { name } = request.params as { name: string }; // by the path above
        return { hello: name, request_id: currentCall().requestId };
      });
      app.post("/echo", async (request) => request.body);
      app.get("/error", async () => {
        throw new Error("its own affair");
      });
      await app.ready();
      return app.routing;
    },
  });

  test.each(BOTH)("answers over %s", async (_, ask: Asking) => {
    await using app = await startTest(service);
    const { status, body } = await ask(app.url, "/hello/ada", { headers: { "x-request-id": "fastify-1" } });
    expect(status).toBe(200);
    expect(JSON.parse(body)).toEqual({ hello: "ada", request_id: "fastify-1" });
    const headers = { "content-type": "application/json" };
    expect(await ask(app.url, "/echo", { method: "POST", headers, body: '{"a":1}' })).toMatchObject({
      body: '{"a":1}',
    });
    expect((await ask(app.url, "/nowhere")).status).toBe(404);
    expect((await ask(app.url, "/error")).status).toBe(500);
    await accessLine(app, { request_id: "fastify-1", response_status: 200 });
  });
});

function expressApplication(): express.Express {
  const app = express();
  app.use(express.json());
  app.get("/hello/:name", (request, response) => {
    response.json({ hello: request.params.name, request_id: currentCall().requestId, host: request.hostname });
  });
  app.get("/file", (_request, response) => {
    response.sendFile(import.meta.filename);
  });
  app.get("/late-error", async () => {
    await new Promise((resolve) => setImmediate(resolve));
    throw new Error("its own affair");
  });
  app.post("/echo", (request, response) => {
    response.json(request.body);
  });
  app.get("/error", () => {
    throw new Error("its own affair");
  });
  return app;
}

describe("an Express application", () => {
  const service = defineService({ name: "expressed", http: () => expressApplication() });

  // Express puts its own prototypes, made from node:http's, in place of a request's.
  test.each(BOTH)("answers over %s", async (_, ask: Asking) => {
    await using app = await startTest(service);
    const { status, body } = await ask(app.url, "/hello/ada", { headers: { "x-request-id": "express-1" } });
    expect(status).toBe(200);
    expect(JSON.parse(body)).toEqual({ hello: "ada", request_id: "express-1", host: new URL(app.url).hostname });
    // Over HTTP/2 Express's body parsers see a body only by its length.
    const headers = { "content-type": "application/json", "content-length": "7" };
    expect(await ask(app.url, "/echo", { method: "POST", headers, body: '{"a":1}' })).toMatchObject({
      body: '{"a":1}',
    });
    expect(await ask(app.url, "/hello/ada", { method: "HEAD" })).toMatchObject({ status: 200, body: "" });
    expect(await ask(app.url, "/file")).toMatchObject({ status: 200, body: expect.stringContaining("frameworks") });
    expect((await ask(app.url, "/nowhere")).status).toBe(404);
    expect((await ask(app.url, "/error")).status).toBe(500);
    expect((await ask(app.url, "/late-error")).status).toBe(500);
    await accessLine(app, { request_id: "express-1", response_status: 200 });
  });
});
