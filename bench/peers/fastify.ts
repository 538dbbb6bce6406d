import { fastify } from "fastify";
import { announce } from "./arguments.ts";

// Fastify with its defaults, JSON over HTTP/1.1, at the path and in the form of a unary call by Connect. With schemas, as
// its documentation advises: request bodies are checked by them, answers written by what it compiles from them.

const NAME = { type: "object", properties: { name: { type: "string" } }, required: ["name"] } as const;

const app = fastify();
app.post<{ Body: { name: string } }>(
  "/name.v1.NameService/ProcessName",
  { schema: { body: NAME, response: { 200: NAME } } },
  async (request) => ({ name: request.body.name.toUpperCase() }),
);
await app.listen({ host: "127.0.0.1", port: 0 });
announce(app.server.address());
