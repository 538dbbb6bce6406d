import { once } from "node:events";
import { createServer } from "node:http";
import { describe, expect, test } from "vitest";
import { ask } from "../../../test/support/http-request.ts";
import { httpTarget } from "../../../test/support/http-target.ts";
import type { FieldLines } from "../../http2/index.ts";
import type { AnswerListener } from "./http-request.ts";

const IGNORE: AnswerListener = {
  onOpen: () => undefined,
  onHead: () => undefined,
  onData: () => undefined,
  onTrailers: () => undefined,
  onEnd: () => undefined,
  onRoom: () => undefined,
  onError: () => undefined,
};

/** A server that answers everything, and how many connections it was made. */
async function answering() {
  let connections = 0;
  const server = createServer((_request, response) => response.end("well"));
  server.on("connection", () => connections++);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number }; // it listens on a port
  return {
    url: new URL(`http://127.0.0.1:${port}`),
    connections: () => connections,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

describe("a head that node:http does not send leaves the next call a connection", () => {
  test.each([
    ["before it is begun", "x-control", "a\u0001b"],
    ["when it is to go out", "trailer", "x-sum"], // which calls leave out, so that only this gets there
  ])("where it finds that %s", async (_when, name, value) => {
    await using server = await answering();
    const target = httpTarget(server.url, { httpVersion: "1.1" });
    await expect(ask(target, server.url).then(({ whole }) => whole)).resolves.toMatchObject({ text: "well" });
    const fields: FieldLines = [
      [":authority", server.url.host],
      [name, value],
    ];
    expect(() => target.request({ method: "GET", path: "/", fields, more: undefined }, null, IGNORE)).toThrow();
    await expect(ask(target, server.url).then(({ whole }) => whole)).resolves.toMatchObject({ text: "well" });
    expect(server.connections()).toBe(1);
    target.close();
  });
});
