import { once } from "node:events";
import Koa from "koa";
import { currentCall, defineService, implement } from "portico";
import { startTest, type TestApp } from "portico/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { NameService } from "../../gen/name/v1/name_pb.js";
import { accessLine } from "../support/access.ts";
import { processNameRequest } from "../support/echo.ts";
import { http2Client } from "../support/http2-client.ts";
import { rawSocket } from "../support/raw-socket.ts";
import { until } from "../support/until.ts";

// Vitest fails a run in which a rejection or an exception is nobody's: so every test here also shows that there is none.

/** A service whose handlers wait until their callers go away, and remember how that was. */
function patient() {
  const begun: string[] = [];
  const aborted: unknown[] = [];
  async function untilAborted(name: string): Promise<void> {
    const { signal } = currentCall();
    begun.push(name);
    if (!signal.aborted) await once(signal, "abort");
    aborted.push(signal.reason);
  }
  const service = defineService({
    name: "patient",
    routes: () => [
      implement(NameService, {
        async processName({ name }) {
          await untilAborted(name);
          return { name };
        },
        async *processNames() {
          yield { name: "first" };
          await untilAborted("stream");
        },
      }),
    ],
    http: () => {
      const koa = new Koa();
      koa.use(async (context) => {
        if (context.path === "/begun") {
          context.status = 200;
          context.res.write("the beginning");
        }
        await untilAborted(context.path);
        context.body = "too late";
      });
      return koa;
    },
  });
  return { service, begun, aborted };
}

let app: TestApp;
let handlers: ReturnType<typeof patient>;
beforeEach(async () => {
  handlers = patient();
  app = await startTest(handlers.service);
});
afterEach(() => app.stop());

const canceled = expect.objectContaining({ rawMessage: "the caller went away" });

describe("over HTTP/1.1", () => {
  test.for([
    ["an RPC", processNameRequest("ada"), /ProcessName/],
    ["the web application", "GET /wait HTTP/1.1\r\nhost: a\r\n\r\n", /wait/],
  ] as const)("a caller that resets, or closes, aborts the signal of %s", async ([, request, line]) => {
    for (const leave of ["resetAndDestroy", "destroy"] as const) {
      using peer = await rawSocket(app.url);
      await peer.send(request);
      await until(() => handlers.begun.length > handlers.aborted.length);
      peer.socket[leave]();
      await until(() => handlers.begun.length === handlers.aborted.length);
    }
    expect(handlers.aborted).toEqual([canceled, canceled]);
    await accessLine(app, { first_request_line: line, response_status: 499, aborted: true, response_size: 0 });
  });

  test("a caller that resets in the middle of an answer is in the log with the status that it got", async () => {
    using peer = await rawSocket(app.url);
    await peer.send("GET /begun HTTP/1.1\r\nhost: a\r\n\r\n");
    await peer.until("the beginning");
    peer.socket.resetAndDestroy();
    await accessLine(app, { first_request_line: "GET /begun HTTP/1.1", response_status: 200, aborted: true });
    expect(handlers.aborted).toEqual([canceled]);
  });

  test("a caller that resets in the middle of its own request leaves a line, and no error", async () => {
    for (const request of [
      "POST /upload HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n12345",
      `${processNameRequest("ada").slice(0, -5)}`,
    ]) {
      using peer = await rawSocket(app.url);
      await peer.send(request);
      await app.fetch("/readyz"); // by now the request before is in
      peer.socket.resetAndDestroy();
      await accessLine(app, { first_request_line: request.split("\r\n", 1)[0], response_status: 499, aborted: true });
    }
    expect(app.logs.filter(({ levelname }) => levelname === "ERROR")).toEqual([]);
  });
});

describe("over HTTP/2", () => {
  const wait = { ":method": "POST", ":path": "/name.v1.NameService/ProcessName", "content-type": "application/json" };

  test.for([
    ["an RPC", wait, '{"name":"ada"}'],
    ["the web application", { ":path": "/wait" }, undefined],
  ] as const)("a stream that its caller resets aborts the signal of %s, and other streams go on", async (params) => {
    const [, headers, body] = params;
    using client = await http2Client(app.url);
    const stream = client.session.request(headers, { endStream: body === undefined });
    stream.on("error", () => undefined);
    if (body !== undefined) stream.end(body);
    await until(() => handlers.begun.length === 1);
    stream.close(8); // CANCEL
    await until(() => handlers.aborted.length === 1);
    expect(handlers.aborted).toEqual([canceled]);
    await accessLine(app, { first_request_line: /HTTP\/2\.0$/, response_status: 499, aborted: true, response_size: 0 });
    expect((await client.request({ ":path": "/readyz" })).status).toBe(200);
  });

  test("a connection that is reset aborts every call on it", async () => {
    using client = await http2Client(app.url);
    for (const path of ["/1", "/2", "/3"]) {
      client.session.request({ ":path": path }).on("error", () => undefined);
    }
    await until(() => handlers.begun.length === 3);
    client.session.destroy();
    await until(() => handlers.aborted.length === 3);
    expect(handlers.aborted).toEqual([canceled, canceled, canceled]);
    for (const path of ["/1", "/2", "/3"]) {
      await accessLine(app, { first_request_line: `GET ${path} HTTP/2.0`, response_status: 499, aborted: true });
    }
    expect(app.logs.filter(({ levelname }) => levelname === "ERROR")).toEqual([]);
  });

  test("a caller that resets in the middle of a stream is in the log with the status that it got", async () => {
    using client = await http2Client(app.url);
    const stream = client.session.request({
      ":method": "POST",
      ":path": "/name.v1.NameService/ProcessNames",
      "content-type": "application/grpc",
    });
    stream.on("error", () => undefined);
    await once(stream, "data");
    stream.close(8);
    await accessLine(app, {
      first_request_line: "POST /name.v1.NameService/ProcessNames HTTP/2.0",
      response_status: 200,
      aborted: true,
      rpc_code: "canceled",
    });
  });
});
