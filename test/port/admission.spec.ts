import { createClient } from "@connectrpc/connect";
import Koa from "koa";
import { defineService } from "portico";
import { createChannel } from "portico/client";
import { startTest } from "portico/testing";
import { expect, test } from "vitest";
import { NameService } from "../../gen/name/v1/name_pb.js";
import { upperCaseNames } from "../support/echo.ts";
import { http2Client } from "../support/http2-client.ts";

const LARGE_BYTES = 2_000_000;

/** A service whose `/large` is an answer in one piece that no window lets through at once. */
const large = defineService({
  name: "large",
  routes: () => [upperCaseNames],
  http: () =>
    new Koa().use((context) => {
      context.body = Buffer.alloc(context.path === "/large" ? LARGE_BYTES : 5, "x");
    }),
});

test("a few answers that their reader leaves for later hold up nothing else on the connection", async () => {
  await using app = await startTest(large);
  using client = await http2Client(app.url);
  client.session.setLocalWindowSize(2 ** 30); // the streams' own windows are what is shut
  const paused = Array.from({ length: 3 }, () => client.session.request({ ":path": "/large" }));
  await Promise.all(paused.map((stream) => new Promise((resolve) => stream.once("response", resolve))));
  expect((await client.request({ ":path": "/small" })).body).toBe("xxxxx");
  for (const stream of paused) {
    let bytes = 0;
    for await (const chunk of stream) bytes += (chunk as Buffer).length; // of a stream without an encoding
    expect(bytes).toBe(LARGE_BYTES);
  }
});

test("many calls at once on one connection are all answered", async () => {
  await using app = await startTest(large);
  await using channel = createChannel(app.url);
  const names = createClient(NameService, channel);
  const answers = await Promise.all(
    Array.from({ length: 1000 }, (_one, index) => names.processName({ name: `n${index}` })),
  );
  expect(answers.map(({ name }) => name)).toEqual(Array.from({ length: 1000 }, (_one, index) => `N${index}`));
});
