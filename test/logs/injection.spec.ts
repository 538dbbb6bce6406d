import { createClient } from "@connectrpc/connect";
import Koa from "koa";
import { createChannel, currentCall, defineService } from "portico";
import { startTest } from "portico/testing";
import { expect, test } from "vitest";
import { NameService } from "../../gen/name/v1/name_pb.js";
import { accessLine } from "../support/access.ts";
import { rawSocket } from "../support/raw-socket.ts";
import { startProcess } from "../support/service-process.ts";

const NASTY = [
  'two\nlines {"levelname":"ERROR"}',
  "carriage\rreturn",
  "escape \u001b[31mred\u001b[0m",
  "title \u001b]0;owned\u0007",
  "C1 \u009b31m",
  "next\u0085line",
  "separators \u2028 \u2029",
  "delete \u007f nul \u0000",
];
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const RAW_CONTROL = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029]/;

test.each(["json", "pretty"])(
  "texts that a caller sends make no line and no control character in %s",
  async (format) => {
    await using service = startProcess("test/logs/fixtures/quoting.ts", { LOG_FORMAT: format });
    const url = await service.url();
    await using channel = createChannel(url);
    const client = createClient(NameService, channel);
    for (const name of NASTY) await client.processName({ name });
    await service.stop();
    // Two of the start and two of the stop, and of each call the handler's and the access line.
    expect(service.stdout().trimEnd().split("\n")).toHaveLength(4 + 2 * NASTY.length);
    expect(service.stdout().replaceAll("\n", "")).not.toMatch(RAW_CONTROL);
    if (format === "json") {
      const messages = service.logs().map(({ message }) => message);
      for (const name of NASTY) expect(messages).toContain(`name ${name} done`); // nothing is lost either
    }
  },
);

test("paths and headers are data as well", async () => {
  const service = defineService({
    name: "quoting",
    http: () => {
      const koa = new Koa();
      koa.use((context) => {
        currentCall().log.info({ agent: context.get("user-agent") }, `agent ${context.get("user-agent")}`);
        context.body = "done";
      });
      return koa;
    },
  });
  await using app = await startTest(service, { config: { NODE_ENV: "development" } });
  using peer = await rawSocket(app.url);
  await peer.send("GET /%0a%1b[31m HTTP/1.1\r\nhost: a\r\nuser-agent: a\u009b31mb\u0085c\r\n\r\n");
  expect((await peer.answer()).status).toBe(200);
  const line = await accessLine(app, { response_status: 200 });
  expect(line["first_request_line"]).toContain("GET /%0a%1b[31m");
});

test("a request id that could break a line is replaced", async () => {
  const service = defineService({ name: "quoting", http: () => (_request, response) => void response.end("done") });
  await using app = await startTest(service);
  for (const id of ["a b", 'x"y', "\u00e4", "x".repeat(129), "a,b"]) {
    const answer = await app.fetch("/", { headers: { "x-request-id": id } });
    expect(answer.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
  }
  const answer = await app.fetch("/", { headers: { "x-request-id": "A.b_c:d-1" } });
  expect(answer.headers.get("x-request-id")).toBe("A.b_c:d-1");
});
