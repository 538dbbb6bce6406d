import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createChannel, defineService, implement } from "portico";
import { startTest, type TestApp } from "portico/testing";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { GreeterService } from "../../gen/greeter/v1/greeter_pb.js";
import { NameService } from "../../gen/name/v1/name_pb.js";
import { type FramePeer, type FrameServer, frameServer, headFrame, resetFrame } from "../support/frame-server.ts";
import { FLAG, FRAME, frame, headerBlock } from "../support/frames.ts";
import { until } from "../support/until.ts";

// What the log of a service says of an onward call that failed, for each way in which it may: target, backend, attempts, and
// where the time went. What its caller is told has none of it.

const TIMEOUT_MS = 400;
const MAX_CONCURRENT_STREAMS = 3;
const REFUSED_STREAM = 7;

/** Greets by a name service, for which a fault stands. */
const greeter = defineService({
  name: "greeter",
  config: { NAME_URL: z.string() },
  resources: ({ config, use }) =>
    createClient(NameService, use(createChannel(config.NAME_URL, { timeoutMs: TIMEOUT_MS }))),
  routes: ({ resources: names }) => [
    implement(GreeterService, {
      sayHello: async ({ name }) => ({ greeting: (await names.processName({ name })).name }),
      async *sayHelloToEach() {
        yield { greeting: "nobody asks" };
      },
    }),
  ],
});

interface Onward {
  readonly url: string;
  readonly code: string;
  readonly message: string;
  readonly story?: string;
}

/** Calls greeter once, and gives what the log says of its onward call. */
async function failedOnward(app: TestApp, code: Code): Promise<Onward> {
  const error = await app
    .client(GreeterService, { retry: false })
    .sayHello({ name: "ada" })
    .then(() => undefined, ConnectError.from);
  expect(error?.code).toBe(code);
  const told = JSON.stringify([
    error?.rawMessage.replace(/ \(target .*/, ""),
    error?.details,
    [...(error?.metadata ?? [])],
  ]);
  expect(told).not.toMatch(/target|attempt|backend|ECONN|127\.0\.0\.1|headers \d/);
  return onwardIn(app);
}

async function onwardIn(app: TestApp): Promise<Onward> {
  const line = await until(() => app.logs.find(({ message }) => message.includes("an onward call failed")));
  return line["onward"] as Onward; // the shape of that line
}

/** Has every call, on every connection, answered so. */
async function serve(server: FrameServer, onCall: (peer: FramePeer, stream: number) => void): Promise<never> {
  for (;;) void serveCalls(await server.peer(), onCall);
}

async function serveCalls(peer: FramePeer, onCall: (peer: FramePeer, stream: number) => void): Promise<never> {
  for (let known = 0; ; known++) {
    const heads = () => peer.frames().filter(({ type }) => type === FRAME.headers);
    await peer.frame(() => heads().length > known);
    onCall(peer, heads()[known]?.stream ?? 0);
  }
}

const grpcHead = (stream: number) => headFrame(stream, false, [["content-type", "application/grpc+proto"]]);

describe("the log says of an onward call", () => {
  test("whose backend refuses connections how often it was tried, and the reason", async () => {
    const closed = await frameServer();
    const { url } = closed;
    await closed[Symbol.asyncDispose]();
    await using app = await startTest(greeter, { config: { NAME_URL: url.origin } });
    const onward = await failedOnward(app, Code.Unavailable);
    expect(onward).toMatchObject({ code: "unavailable", url: `${url.origin}/name.v1.NameService/ProcessName` });
    expect(onward.message).toMatch(
      /^the connection to http:\/\/127\.0\.0\.1:\d+ could not be made: ECONNREFUSED \(target /,
    );
    expect(onward.message).toMatch(
      /; \d+ ms in 3 attempts; attempt 1 found no backend.*; attempt 3 after \d+ ms found no/,
    );
  });

  test("whose name is not found that it was being resolved", async () => {
    await using app = await startTest(greeter, { config: { NAME_URL: "dns:///no-such-name.invalid:1" } });
    const onward = await failedOnward(app, Code.Unavailable);
    expect(onward.message).toMatch(
      /looking up the name no-such-name\.invalid failed: .* \(target dns:\/\/\/no-such-name/,
    );
    expect(onward.message).toMatch(/attempt 1 found no backend: resolving \d+ ms/);
  });

  test("whose backend accepts and says nothing that it was connecting", async () => {
    await using server = await frameServer();
    await using app = await startTest(greeter, { config: { NAME_URL: server.url.origin } });
    const onward = await failedOnward(app, Code.DeadlineExceeded);
    expect(onward.message).toMatch(
      /^the onward call took too long \(target http.*; \d+ ms in 1 attempt; found no backend: .*connecting \d{3} ms\)$/,
    );
  });

  test("that the peer has no room for that it waited for a stream slot", async () => {
    await using server = await frameServer([[MAX_CONCURRENT_STREAMS, 0]]);
    await using app = await startTest(greeter, { config: { NAME_URL: server.url.origin } });
    const onward = await failedOnward(app, Code.DeadlineExceeded);
    expect(onward.message).toMatch(/found no backend: .*waiting for a stream slot \d{3} ms\)$/);
  });

  test("that is not answered which backend it was at, and that no headers came", async () => {
    await using server = await frameServer([]);
    await using app = await startTest(greeter, { config: { NAME_URL: server.url.origin } });
    const onward = await failedOnward(app, Code.DeadlineExceeded);
    expect(onward.message).toMatch(/in 1 attempt; to 127\.0\.0\.1:\d+: .*headers \d{3} ms\)$/);
  });

  test("that its own caller's deadline cuts short where the time went until then", async () => {
    await using server = await frameServer([]);
    await using app = await startTest(greeter, { config: { NAME_URL: server.url.origin } });
    const response = await app.fetch("/greeter.v1.GreeterService/SayHello", {
      method: "POST",
      headers: { "content-type": "application/json", "connect-timeout-ms": String(TIMEOUT_MS / 2) },
      body: "{}",
    });
    expect(await response.text()).not.toMatch(/target|attempt|headers/);
    const onward = await onwardIn(app);
    expect(onward.message).toMatch(
      /^the deadline of the call has passed \(target .* in 1 attempt; to 127\.0\.0\.1:\d+: .*headers/,
    );
  });

  test("whose answer does not end that the trailers did not come", async () => {
    await using server = await frameServer([]);
    void serve(server, (peer, stream) => peer.send(grpcHead(stream)));
    await using app = await startTest(greeter, { config: { NAME_URL: server.url.origin } });
    const onward = await failedOnward(app, Code.DeadlineExceeded);
    expect(onward.message).toMatch(/to 127\.0\.0\.1:\d+: .*headers \d+ ms, trailers \d{3} ms\)$/);
  });

  test("whose connection is lost what became of each attempt", async () => {
    await using server = await frameServer([]);
    void serve(server, (peer) => peer.socket.resetAndDestroy());
    await using app = await startTest(greeter, { config: { NAME_URL: server.url.origin } });
    const onward = await failedOnward(app, Code.Unavailable);
    expect(onward.message).toMatch(/attempt 1 to 127\.0\.0\.1:\d+: .*headers \d+ ms.*; attempt 2 after \d+ ms /);
    expect(onward.message).toMatch(/was lost: ECONNRESET/);
  });

  test("that is refused again and again that it was, and by whom", async () => {
    await using server = await frameServer([]);
    void serve(server, (peer, stream) => peer.send(resetFrame(stream, REFUSED_STREAM)));
    await using app = await startTest(greeter, { config: { NAME_URL: server.url.origin } });
    const onward = await failedOnward(app, Code.Unavailable);
    expect(onward.message).toMatch(/REFUSED_STREAM.* in 4 attempts; attempt 1 to 127\.0\.0\.1:\d+: /);
  });

  test("that the server answers as unavailable where the time went, beside the server's own words", async () => {
    await using server = await frameServer([]);
    void serve(server, (peer, stream) => {
      const status: [string, string][] = [
        [":status", "200"],
        ["content-type", "application/grpc"],
        ["grpc-status", "14"],
        ["grpc-message", "the database is away"],
        ["grpc-retry-pushback-ms", "-1"],
      ];
      peer.send(frame(FRAME.headers, FLAG.endHeaders | FLAG.endStream, stream, headerBlock(status)));
    });
    await using app = await startTest(greeter, { config: { NAME_URL: server.url.origin } });
    const onward = await failedOnward(app, Code.Unavailable);
    expect(onward.message).toBe("the database is away");
    expect(onward.story).toMatch(
      /^target http:.* in 1 attempt; to 127\.0\.0\.1:\d+: .*headers \d+ ms.*; not tried again, as the /,
    );
  });
});
