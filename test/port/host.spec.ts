import { startTest, type TestApp } from "portico/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { accessLine } from "../support/access.ts";
import { echoService, processNameRequest } from "../support/echo.ts";
import { FLAG, FRAME, frame, framesIn, headerBlock, PREFACE } from "../support/frames.ts";
import { http2Client } from "../support/http2-client.ts";
import { rawSocket } from "../support/raw-socket.ts";

let app: TestApp;
beforeAll(async () => {
  app = await startTest(echoService());
});
afterAll(() => app.stop());

const POSSIBLE = [
  "a",
  "a:1",
  "a:",
  "a:65535",
  "shop.example:8080",
  "127.0.0.1:80",
  "[::1]",
  "[::1]:50051",
  "[::ffff:127.0.0.1]",
  "x_y.internal",
];

const IMPOSSIBLE = [
  ["none", []],
  ["empty", [""]],
  ["two that agree", ["a", "a"]],
  ["two that differ", ["a", "b"]],
  ["two in one field", ["a:1,b:2"]],
  ["a port too high", ["a:99999"]],
  ["a port that is none", ["a:http"]],
  ["two ports", ["a:1:2"]],
  ["user information", ["user@a"]],
  ["user and password", ["user:pw@a"]],
  ["white space within", ["a b"]],
  ["a path", ["a/b"]],
  ["a query", ["a?b"]],
  ["a scheme", ["http://a"]],
  ["an IPv6 address without brackets", ["::1"]],
  ["brackets around no address", ["[a]"]],
  ["an IPv6 address with too many groups", ["[1:2:3:4:5:6:7:8:9]"]],
  ["an open bracket", ["[::1"]],
  ["text behind a bracket", ["[::1]a"]],
  ["an escape", ["a%00b"]],
  ["a byte outside of ASCII", ["a\u00e4"]],
] as const satisfies readonly (readonly [string, readonly string[]])[];

const fieldsOf = (hosts: readonly string[]) => hosts.map((host) => `host: ${host}`);

describe("over HTTP/1.1", () => {
  test.for(POSSIBLE)("Host: %s is served", async (host) => {
    using peer = await rawSocket(app.url);
    await peer.send(processNameRequest("ada", fieldsOf([host])));
    expect((await peer.answer()).status).toBe(200);
  });

  test.for(IMPOSSIBLE)(
    "a Host that is %s gets 400, for an RPC and for the web application alike",
    async ([, hosts]) => {
      const [refusedCall, refusedPage] = [{ code: "invalid_argument" }, { status: 400, code: "invalid_argument" }];
      for (const [request, contentType, document] of [
        [processNameRequest("ada", fieldsOf(hosts)), "application/json", refusedCall],
        [
          `GET /there HTTP/1.1\r\n${fieldsOf(hosts)
            .map((field) => `${field}\r\n`)
            .join("")}\r\n`,
          "application/problem+json",
          refusedPage,
        ],
      ] as const) {
        using peer = await rawSocket(app.url);
        await peer.send(request);
        const { status, headers, body } = await peer.answer();
        expect(status).toBe(400);
        expect(headers.get("content-type")).toBe(contentType);
        const requestId = headers.get("x-request-id");
        expect(JSON.parse(body)).toMatchObject(document);
        await accessLine(app, { request_id: requestId, response_status: 400 });
      }
    },
  );

  test("a target in absolute form has to name the same host", async () => {
    using peer = await rawSocket(app.url);
    await peer.send("GET http://a/there HTTP/1.1\r\nhost: b\r\n\r\n");
    expect((await peer.answer()).status).toBe(400);
  });
});

describe("over HTTP/2", () => {
  const path = "/name.v1.NameService/ProcessName";
  const call = (pseudo: Readonly<Record<string, string>>) =>
    ({ ":method": "POST", ":path": path, "content-type": "application/json", ...pseudo }) as const;

  test("a host field that agrees with :authority, or stands in its place, is served", async () => {
    using client = await http2Client(app.url);
    for (const host of [{ ":authority": "a", host: "a" }, { ":authority": "[::1]:1" }]) {
      expect(await client.request(call(host), '{"name":"ada"}')).toMatchObject({ status: 200, body: '{"name":"ADA"}' });
    }
  });

  test.for([
    ["lists two hosts", { ":authority": "a:1,b:2" }],
    ["has an impossible port", { ":authority": "a:99999" }],
  ] as const)("an :authority that %s gets 400, and other streams go on", async ([, host]) => {
    using client = await http2Client(app.url);
    const { status, headers, body } = await client.request(call(host), '{"name":"ada"}');
    expect(status).toBe(400);
    expect(headers["content-type"]).toBe("application/json");
    expect(JSON.parse(body)).toMatchObject({ code: "invalid_argument" });
    expect((await client.request({ ":path": "/there", ":authority": "a" })).status).toBe(200);
  });

  // A list that is malformed as RFC 9113, 8.1.1 has it is no request: its stream is reset.
  test.for([
    ["without either", "400", []],
    ["with a path in its authority", "400", [[":authority", "a/b"]]],
    ["with user information", "a reset", [[":authority", "user@a"]]],
    [
      "with a host field that differs",
      "a reset",
      [
        [":authority", "a"],
        ["host", "b"],
      ],
    ],
    [
      "with two host fields",
      "a reset",
      [
        ["host", "a"],
        ["host", "a"],
      ],
    ],
  ] as const)("a request %s gets %s, and other streams go on", async ([, answer, fields]) => {
    using peer = await rawSocket(app.url);
    const get = (path: string, hosts: readonly (readonly [string, string])[]) =>
      headerBlock([[":method", "GET"], [":scheme", "http"], [":path", path], ...hosts]);
    const request = (stream: number, block: Buffer) =>
      frame(FRAME.headers, FLAG.endStream | FLAG.endHeaders, stream, block);
    await peer.send(
      Buffer.concat([
        PREFACE,
        frame(FRAME.settings, 0, 0),
        request(1, get("/refused", fields)),
        request(3, get("/served", [[":authority", "a"]])),
      ]),
    );
    await peer.until('"url":"/served"');
    await peer.until((bytes) => {
      const answers = framesIn(bytes).filter(({ stream }) => stream === 1);
      return answer === "400"
        ? answers.some(({ payload }) => payload.includes("exactly one possible Host"))
        : answers.some(({ type, payload }) => type === FRAME.rstStream && payload.equals(Buffer.of(0, 0, 0, 1)));
    });
    expect(peer.received()).not.toContain('"url":"/refused"');
  });
});

test("none of it keeps the process from serving others", async () => {
  expect((await app.fetch("/readyz")).status).toBe(200);
});
