import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { createChannel, createClient, DomainValueError, defineService, implement } from "portico";
import { startTest, type TestApp } from "portico/testing";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { until } from "../../test/support/until.ts";
import { ValuesService as PlainValuesService } from "../../test/types/gen/test/types/v1/services_pb.js";
import { Values } from "../../test/types/gen/test/types/v1/values_domain.js";
import { ValuesSchema } from "../../test/types/gen/test/types/v1/values_pb.js";
import {
  BAD_PATH,
  badValues,
  echoHandlers,
  startValues,
  type ValuesApp,
  type ValuesClient,
  values,
  valuesService,
  WIRES,
} from "../../test/types/values-app.ts";

const GOOD = Values.toMessage(values());
const BAD = create(ValuesSchema, { ...GOOD, objectIds: [GOOD.objectId, new Uint8Array(11)] });
const BAD_ANSWER = "must be 12 bytes, an ObjectId; it has 11";
const BAD_GIVEN = "must be an ObjectId; it is a string";

async function* streamOf<T>(all: readonly T[]): AsyncGenerator<T> {
  yield* all;
}

async function failureOf(work: () => unknown): Promise<unknown> {
  try {
    await work();
  } catch (error) {
    return error;
  }
  throw new Error("nothing failed");
}

async function drain(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _one of stream) {
    // only its end matters
  }
}

/** What services have seen: the beginnings and ends of calls. */
const events: string[] = [];
beforeEach(() => {
  events.length = 0;
});
const seen = (event: string) => until(() => events.includes(event));

/** Calls that a client has begun. */
function counting(calls: string[]): Interceptor {
  return (next) => (request) => {
    calls.push(request.method.name);
    return next(request);
  };
}

describe.each(Object.entries(WIRES))("by %s", (_name, options) => {
  let app: ValuesApp;
  let bad: TestApp;
  beforeAll(async () => {
    app = await startValues({
      handlers: {
        async *echoBoth(requests, { signal }) {
          signal.addEventListener("abort", () => events.push("cancelled"));
          for await (const one of requests) {
            events.push("begun");
            yield one;
          }
        },
        async echoAll(requests, { signal }) {
          signal.addEventListener("abort", () => events.push("cancelled"));
          for await (const _one of requests) events.push("begun");
          return {};
        },
      },
    });
    bad = await startTest(badService);
  });
  afterAll(async () => {
    await app[Symbol.asyncDispose]();
    await bad[Symbol.asyncDispose]();
  });

  test("a request that does not fit is a DomainValueError, and no call is made", async () => {
    const calls: string[] = [];
    const client = app.client({ ...options, interceptors: [counting(calls)] });
    const error = await failureOf(() => client.echo(badValues()));
    expect(error).toBeInstanceOf(DomainValueError);
    expect(error).toMatchObject({ path: BAD_PATH, message: `${BAD_PATH} ${BAD_GIVEN}` });
    const inStream = await failureOf(() => drain(client.echoEach({ values: [values(), badValues()] })));
    expect(inStream).toBeInstanceOf(DomainValueError);
    expect(inStream).toMatchObject({ path: `values[1].${BAD_PATH}` });
    expect(calls).toEqual([]);
  });

  test("a stream of requests of which one does not fit cancels the call, and fails with the field's path", async () => {
    async function* requests() {
      yield values();
      await seen("begun");
      yield badValues();
      events.push("went on");
    }
    const calls: readonly ((client: ValuesClient) => Promise<unknown>)[] = [
      (client) => client.echoAll(requests()),
      (client) => drain(client.echoBoth(requests())),
    ];
    for (const call of calls) {
      events.length = 0;
      const error = await failureOf(() => call(app.client(options)));
      expect(error).toBeInstanceOf(DomainValueError);
      expect(error).toMatchObject({ message: `${BAD_PATH} ${BAD_GIVEN}` });
      await seen("cancelled");
      expect(events).not.toContain("went on");
    }
  });

  test("an answer that does not fit is internal, with the field's path", async () => {
    const client = bad.client(valuesService, options);
    for (const [call, path] of [
      [() => client.echo(values()), BAD_PATH],
      [() => client.echoAll(streamOf([])), `values[1].${BAD_PATH}`],
    ] as const) {
      const error = await failureOf(call);
      expect(error).toBeInstanceOf(ConnectError);
      expect(error).toMatchObject({ code: Code.Internal, cause: expect.any(DomainValueError), details: [] });
      expect(error).toMatchObject({
        rawMessage: `the answer does not fit: ${path} ${BAD_ANSWER}`,
      });
    }
  });

  test("an answer in a stream that does not fit ends the reading, and the call", async () => {
    const client = bad.client(valuesService, options);
    for (const call of [() => client.echoEach({ values: [] }), () => client.echoBoth(streamOf([values()]))]) {
      events.length = 0;
      const stream = call();
      let read = 0;
      const error = await failureOf(async () => {
        for await (const _one of stream) read++;
      });
      expect(error).toMatchObject({
        code: Code.Internal,
        rawMessage: `the answer does not fit: ${BAD_PATH} ${BAD_ANSWER}`,
      });
      expect(read).toBe(1);
      await seen("closed");
      expect(await failureOf(() => drain(stream))).toMatchObject({ code: Code.Internal });
    }
  });

  test("a caller's own signal ends a stream still", async () => {
    const controller = new AbortController();
    const stream = bad.client(valuesService, options).echoEach({ values: [] }, { signal: controller.signal });
    const error = await failureOf(async () => {
      for await (const _one of stream) controller.abort();
    });
    expect(error).toMatchObject({ code: Code.Canceled });
    await seen("closed");
  });

  test("whoever stops reading a stream may go on, as with Connect's own client", async () => {
    const stream = app.client(options).echoEach({ values: [values(), values(), values()] });
    let read = 0;
    for await (const _one of stream) {
      read++;
      break;
    }
    for await (const _one of stream) read++;
    expect(read).toBe(3);
  });

  test("headers and trailers are given as with Connect's own client", async () => {
    const given: string[] = [];
    const client = app.client(options);
    const told = {
      headers: { "x-request-id": "r-1" },
      onHeader: (headers: Headers) => void given.push(`header ${headers.get("x-request-id")}`),
      onTrailer: () => void given.push("trailer"),
    };
    await client.echo(values(), told);
    await drain(client.echoEach({ values: [values()] }, told));
    await client.echoAll(streamOf([values()]), told);
    await drain(client.echoBoth(streamOf([values()]), told));
    expect(given).toEqual(Array.from({ length: 4 }, () => ["header r-1", "trailer"]).flat());
  });
});

/** Sends what does not fit, and nothing more, until the caller goes away. */
const badService = defineService({
  name: "bad",
  routes: () => {
    async function* answers(signal: AbortSignal) {
      try {
        yield GOOD;
        yield BAD;
        await new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      } finally {
        events.push("closed");
      }
    }
    return [
      implement(PlainValuesService, {
        echo: () => BAD,
        echoEach: (_request, { signal }) => answers(signal),
        echoAll: async () => ({ values: [GOOD, BAD] }),
        echoBoth: (_requests, { signal }) => answers(signal),
        plain: () => ({}),
      }),
    ];
  },
});

describe("a handler that lets through what its client fails with", () => {
  test.each([
    ["an answer that does not fit", () => values(), BAD_ANSWER],
    ["a request that does not fit", badValues, BAD_GIVEN],
  ])("answers internal, and the log alone tells of %s", async (_what, given, told) => {
    await using next = await startTest(badService);
    const front = defineService({
      name: "front",
      resources: ({ use }) => createClient(valuesService, use(createChannel(next.url))),
      routes: ({ resources: client }) => [
        implement(valuesService, {
          ...echoHandlers,
          echo: () => client.echo(given()),
          echoEach: () => client.echoEach({ values: [given()] }),
          echoAll: async () => client.echoAll(streamOf([given()])),
          echoBoth: () => client.echoBoth(streamOf([given()])),
        }),
      ],
    });
    await using app = await startTest(front);
    const client = createClient(PlainValuesService, createGrpcTransport({ baseUrl: app.url }));
    const calls = [
      () => client.echo(GOOD),
      () => drain(client.echoEach({ values: [GOOD] })),
      () => client.echoAll(streamOf([GOOD])),
      () => drain(client.echoBoth(streamOf([GOOD]))),
    ];
    for (const [index, call] of calls.entries()) {
      const error = await failureOf(call);
      expect(error).toMatchObject({ code: Code.Internal, rawMessage: "internal error", details: [] });
      const isTold = (line: object) => JSON.stringify(line).includes(`${BAD_PATH} ${told}`);
      await until(() => app.logs.filter(isTold).length === index + 1);
    }
  });
});
