import { type Client, Code, createClient, createContextValues } from "@connectrpc/connect";
import { type Channel, type ChannelOptions, createChannel, waitForReady } from "portico/client";
import { describe, expect, test } from "vitest";
import { newRequest } from "./caller.ts";
import { BehaviourService } from "./gen/behaviour/v1/behaviour_pb.js";
import { callLine, HTTP2_ENGINES, startBehaviour } from "./services.ts";

const OPTIONS: readonly (Required<Pick<ChannelOptions, "protocol" | "httpVersion">> & { readonly name: string })[] = [
  { name: "gRPC", protocol: "grpc", httpVersion: "2" },
  { name: "gRPC-Web over HTTP/2", protocol: "grpc-web", httpVersion: "2" },
  { name: "gRPC-Web over HTTP/1.1", protocol: "grpc-web", httpVersion: "1.1" },
  { name: "Connect over HTTP/2", protocol: "connect", httpVersion: "2" },
  { name: "Connect over HTTP/1.1", protocol: "connect", httpVersion: "1.1" },
];

const HANG = { deed: { case: "hang", value: {} } } as const;

function clientOf(channel: Channel): Client<typeof BehaviourService> {
  return createClient(BehaviourService, channel);
}

const overEngines = OPTIONS.flatMap((options) =>
  HTTP2_ENGINES.filter((engine) => engine === "own" || options.httpVersion === "2").map((engine) => ({
    ...options,
    engine,
  })),
);

describe.each(overEngines)("$name, to the engine $engine", ({ name: _name, engine, ...options }) => {
  test("has unavailable for all that was under way and for what comes, while the target is down; recovers with it", async () => {
    let target = await startBehaviour({ HTTP2_ENGINE: engine });
    await using channel = createChannel(target.url, options);
    const client = clientOf(channel);
    try {
      const ids = Array.from({ length: 4 }, () => newRequest());
      const headers = ids.map(({ header }) => ({ headers: header }));
      const unary = client.act(HANG, headers[0]);
      const beforeFirst = client.watch(HANG, headers[1])[Symbol.asyncIterator]().next();
      const between = client.watch({ ...HANG, count: 1 }, headers[2])[Symbol.asyncIterator]();
      expect((await between.next()).done).toBe(false);
      const collected = client.collect(one(HANG), headers[3]);
      const failing = [unary, beforeFirst, between.next(), collected].map((call) =>
        expect(call).rejects.toMatchObject({ code: Code.Unavailable, rawMessage: /connection to .* was lost/ }),
      );
      await Promise.all(ids.map(({ requestId }) => callLine(target, requestId, "hang: begins")));
      await target.process.stop("SIGKILL");
      await Promise.all(failing);

      await expect(client.act({})).rejects.toMatchObject({ code: Code.Unavailable });
      await expect(client.watch({ count: 1 })[Symbol.asyncIterator]().next()).rejects.toMatchObject({
        code: Code.Unavailable,
        rawMessage: /ECONNREFUSED/,
      });

      target = await startBehaviour({ HTTP2_ENGINE: engine, PORT: String(target.port) });
      const patient = { contextValues: createContextValues().set(waitForReady, true) };
      expect(await client.act({ text: "again" }, patient)).toMatchObject({ text: "again" });
    } finally {
      await target[Symbol.asyncDispose]();
    }
  });

  test("counts its calls", async () => {
    await using target = await startBehaviour({ HTTP2_ENGINE: engine });
    await using channel = createChannel(target.url, options);
    const client = clientOf(channel);
    expect(channel.stats()).toMatchObject({ callsStarted: 0, callsActive: 0, target: `${target.url}/` });
    await client.act({});
    for await (const _report of client.watch({ count: 3 })) {
      expect(channel.stats()).toMatchObject({ callsStarted: 2, callsSucceeded: 1, callsActive: 1, state: "ready" });
    }
    const failure = { deed: { case: "failure", value: { code: Code.NotFound } } } as const;
    await expect(client.act(failure)).rejects.toMatchObject({ code: Code.NotFound });
    await expect(client.watch(failure)[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: Code.NotFound });
    const counts = { callsStarted: 4, callsSucceeded: 2, callsFailed: 2, callsActive: 0 };
    expect(channel.stats()).toMatchObject(counts);
  });

  test("refuses calls once it is disposed, and ends those under way", async () => {
    await using target = await startBehaviour({ HTTP2_ENGINE: engine });
    const channel = createChannel(target.url, options);
    const client = clientOf(channel);
    const { requestId, header } = newRequest();
    const underWay = expect(client.act(HANG, { headers: header })).rejects.toMatchObject({ code: Code.Unavailable });
    await callLine(target, requestId, "hang: begins");
    await channel[Symbol.asyncDispose]();
    await underWay;
    const refused = {
      code: Code.Unavailable,
      rawMessage: expect.stringContaining(`the channel to ${target.url} is closed`),
    };
    await expect(client.act({})).rejects.toMatchObject(refused);
    await expect(client.watch({})[Symbol.asyncIterator]().next()).rejects.toMatchObject(refused);
    expect(channel.stats()).toMatchObject({ state: "closed", callsActive: 0 });
  });

  test("keeps to its time-out where a call names none, and takes no more than its limit", async () => {
    await using target = await startBehaviour({ HTTP2_ENGINE: engine });
    await using channel = createChannel(target.url, { ...options, timeoutMs: 300, readMaxBytes: 1000 });
    const client = clientOf(channel);
    const stubborn = { deed: { case: "hang", value: { ignoresSignal: true } } } as const;
    await expect(client.act(stubborn)).rejects.toMatchObject({ code: Code.DeadlineExceeded });
    const large = { fillingBytes: 1001 };
    await expect(client.act(large, { timeoutMs: 20_000 })).rejects.toMatchObject({ code: Code.ResourceExhausted });
  });
});

async function* one<T>(message: T): AsyncIterable<T> {
  yield message;
}

test.each(["", "localhost:50051", "name", "ftp://localhost", "http://localhost?a=b", "http://localhost#a"])(
  "refuses %j as a target",
  (target) => {
    expect(() => createChannel(target)).toThrow(/^createChannel: the target ".*; a target is a URL such as http:/);
  },
);

test("refuses gRPC over HTTP/1.1, and time-outs that are none", () => {
  expect(() => createChannel("http://localhost:1", { httpVersion: "1.1" })).toThrow(/gRPC needs HTTP\/2/);
  for (const timeoutMs of [0, -1, Number.NaN]) {
    expect(() => createChannel("http://localhost:1", { timeoutMs })).toThrow(/timeoutMs is .* more than 0/);
  }
});
