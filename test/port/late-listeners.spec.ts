import { defineService, type HttpListener } from "portico";
import { startTest } from "portico/testing";
import { expect, test } from "vitest";
import { until } from "../support/until.ts";

/** Listeners that go on with an answer which the chassis has given in their place. */
const LATE = {
  "answers in a callback": (response) => {
    response.writeHead(200, { "content-type": "text/plain" });
    response.end("too late");
  },
  "sets fields and streams": (response) => {
    response.statusCode = 201;
    response.setHeader("x-late", "1");
    response.removeHeader("x-late");
    response.flushHeaders();
    response.write("too ");
    response.end("late");
  },
  throws: () => {
    throw new Error("too late");
  },
} satisfies Readonly<Record<string, (response: Parameters<HttpListener>[1]) => void>>;

test.each(Object.entries(LATE))("a listener that %s after the deadline harms nobody", async (_name, answer) => {
  let late: (() => void) | undefined;
  const service = defineService({
    name: "late",
    http: () => (_request, response) => {
      late = () => answer(response);
    },
  });
  await using app = await startTest(service);
  const response = await app.fetch("/", { headers: { "connect-timeout-ms": "20" } });
  expect(response.status).toBe(504);
  expect(await response.json()).toMatchObject({ code: "deadline_exceeded" });
  const act = await until(() => late);
  if (answer === LATE.throws) {
    expect(act).toThrow("too late"); // its own, and not of a response that is over
  } else {
    act();
  }
  expect((await app.fetch("/healthz")).status).toBe(200);
});

test("what fails after its deadline is in the log", async () => {
  const service = defineService({
    name: "late",
    http: () => async (request) => {
      await new Promise((resolve) => request.socket.once("close", resolve));
      throw new TypeError("late, and wrong");
    },
  });
  await using app = await startTest(service);
  const headers = { "connect-timeout-ms": "20", connection: "close" };
  expect((await app.fetch("/", { headers })).status).toBe(504);
  await until(() => app.logs.find((line) => JSON.stringify(line).includes("late, and wrong")));
});
