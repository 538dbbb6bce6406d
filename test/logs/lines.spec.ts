import { setImmediate as turn } from "node:timers/promises";
import { createClient } from "@connectrpc/connect";
import Koa from "koa";
import { createChannel, currentCall, defineService, detached, implement } from "portico";
import { startTest } from "portico/testing";
import { expect, test } from "vitest";
import { NameService } from "../../gen/name/v1/name_pb.js";
import { accessLine } from "../support/access.ts";
import { NAME, startProcess } from "../support/service-process.ts";
import { until } from "../support/until.ts";

test("every line inside a call carries its request id, after each await and yield, and in detached work", async () => {
  const service = defineService({
    name: "talkative",
    resources: ({ log }) => ({ log }),
    routes: ({ log }) => [
      implement(NameService, {
        async processName({ name }) {
          currentCall().log.info(`${name} 1`);
          await turn();
          log.info(`${name} 2`); // the service's own logger knows the call as well
          detached("later", async () => {
            await turn();
            log.info(`${name} 3`);
          });
          return { name };
        },
        async *processNames(requests) {
          for await (const { name } of requests) {
            log.info(`${name} 1`);
            yield { name };
            log.info(`${name} 2`);
          }
        },
      }),
    ],
    http: () => {
      const app = new Koa();
      app.use(async (context, next) => {
        currentCall().log.info(`${context.path} 1`);
        await next();
        currentCall().log.info(`${context.path} 3`);
      });
      app.use(async (context) => {
        await turn();
        currentCall().log.info(`${context.path} 2`);
        context.body = "done";
      });
      return app;
    },
  });
  await using app = await startTest(service);
  await using channel = createChannel(app.url);
  const client = createClient(NameService, channel);
  const ids = ["one", "two", "three"];
  const names = async function* (id: string) {
    for (const part of ["s", "t"]) yield { name: `${id}-${part}` };
  };
  await Promise.all(
    ids.flatMap((id) => [
      client.processName({ name: `${id}-u` }, { headers: { "x-request-id": `rpc-${id}` } }),
      app.fetch(`/${id}`, { headers: { "x-request-id": `web-${id}` } }),
      (async () => {
        const answers = client.processNames(names(id), { headers: { "x-request-id": `stream-${id}` } });
        for await (const _ of answers) await turn();
      })(),
    ]),
  );
  const idOf = (message: string) => until(() => app.logs.find((line) => line.message === message)?.request_id);
  for (const id of ids) {
    for (const step of [1, 2, 3]) {
      expect(await idOf(`${id}-u ${step}`)).toBe(`rpc-${id}`);
      expect(await idOf(`/${id} ${step}`)).toBe(`web-${id}`);
    }
    for (const step of [1, 2]) {
      for (const part of ["s", "t"]) expect(await idOf(`${id}-${part} ${step}`)).toBe(`stream-${id}`);
    }
  }
});

test("LOG_LEVEL silences what is below it", async () => {
  const service = defineService({
    name: "levels",
    http: () => (_request, response) => {
      const { log } = currentCall();
      for (const level of ["debug", "info", "warn", "error"] as const) log[level](`at ${level}`);
      response.end();
    },
  });
  for (const [level, shown] of [
    ["debug", ["at debug", "at info", "at warn", "at error"]],
    ["warn", ["at warn", "at error"]],
    ["silent", []],
  ] as const) {
    await using app = await startTest(service, { config: { LOG_LEVEL: level } });
    await app.fetch("/");
    if (level === "debug") await accessLine(app, { response_status: 200 });
    expect(app.logs.map(({ message }) => message).filter((message) => message.startsWith("at "))).toEqual(shown);
    if (level === "silent") expect(app.logs).toEqual([]);
  }
});

test("every line of a process is JSON with time, levelname, name and message, where no terminal reads it", async () => {
  await using service = startProcess(NAME);
  const url = await service.url();
  await using channel = createChannel(url);
  await createClient(NameService, channel).processName({ name: "test" }, { headers: { request_id: "article-1" } });
  await fetch(`${url}/nowhere`);
  await service.stop();
  const lines = service.logs(); // parses each
  expect(lines.length).toBeGreaterThan(4);
  for (const line of lines) {
    expect(line).toMatchObject({
      time: expect.any(String),
      levelname: expect.stringMatching(/^(?:DEBUG|INFO|WARN|ERROR)$/),
      name: expect.stringMatching(/^name(?:\.access)?$/),
      message: expect.any(String),
    });
  }
  const article = lines.filter(({ request_id }) => request_id === "article-1").map(({ message }) => message);
  expect(article).toEqual([
    "action=process_name, status=success, name=TEST",
    "POST /name.v1.NameService/ProcessName HTTP/2.0 200",
  ]);
});

test("LOG_FORMAT=pretty writes lines for people, without colours where no terminal reads them", async () => {
  await using service = startProcess(NAME, { LOG_FORMAT: "pretty" });
  const url = await service.url();
  await fetch(`${url}/nowhere`, { headers: { "x-request-id": "pretty-1" } });
  await service.stop();
  expect(service.stdout()).toMatch(
    /^\d\d:\d\d:\d\d\.\d{3} INFO {2}name\.access \[pretty-1\] GET \/nowhere HTTP\/1\.1 404/m,
  );
  expect(service.stdout()).not.toContain("\u001b");
});
