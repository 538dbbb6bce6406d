import { equals, isMessage, type Message } from "@bufbuild/protobuf";
import type { Interceptor } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { Binary, Decimal128, Long, ObjectId, UUID } from "bson";
import fc from "fast-check";
import { createChannel, createClient, currentCall, defineService, implement } from "portico";
import { fake, startTest } from "portico/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as z from "zod";
import { recentVersions, versions } from "../../test/types/bson-versions.ts";
import { ValuesService as PlainValuesService } from "../../test/types/gen/test/types/v1/services_pb.js";
import { Values } from "../../test/types/gen/test/types/v1/values_domain.js";
import { ValuesSchema } from "../../test/types/gen/test/types/v1/values_pb.js";
import { messagesOf } from "../../test/types/message-arbitrary.ts";
import {
  ENGINES,
  echoHandlers,
  startValues,
  type ValuesApp,
  type ValuesHandlers,
  values,
  valuesService,
  WIRES,
} from "../../test/types/values-app.ts";

/** Values of which no two are the same. */
const THREE = [values(), values({ long: Long.ZERO, objectId: new ObjectId() }), values({ decimals: [] })];

async function* streamOf<T>(all: readonly T[]): AsyncGenerator<T> {
  yield* all;
}

async function collected<T>(stream: AsyncIterable<T>): Promise<readonly T[]> {
  const all: T[] = [];
  for await (const one of stream) {
    all.push(one);
  }
  return all;
}

/** Fails where one has another value than the other anywhere. */
function expectSame(received: readonly Values[], given: readonly Values[]): void {
  expect(received.map((one) => Values.toMessage(one))).toEqual(given.map((one) => Values.toMessage(one)));
}

describe.each(ENGINES)("over the engine %s", (engine) => {
  let app: ValuesApp;
  const seen: Values[] = [];
  /** Of every kind of method: what the call is, after what a handler waits for. */
  const calls: unknown[] = [];
  const handlers: Partial<ValuesHandlers> = {
    async *echoBoth(requests) {
      for await (const one of requests) {
        seen.push(one);
        yield one;
        calls.push([currentCall().requestId, currentCall().method?.name]);
      }
    },
    echo(one) {
      seen.push(one);
      calls.push([currentCall().requestId, currentCall().method?.name]);
      return one;
    },
    async *echoEach(request) {
      seen.push(...request.values);
      yield* request.values;
      calls.push([currentCall().requestId, currentCall().method?.name]);
    },
    async echoAll(requests) {
      const all = await collected(requests);
      calls.push([currentCall().requestId, currentCall().method?.name]);
      return { values: all };
    },
  };
  beforeAll(async () => {
    app = await startValues({ engine, handlers });
  });
  afterAll(() => app[Symbol.asyncDispose]());

  describe.each(Object.entries(WIRES))("by %s", (_name, options) => {
    test("values go to the handler and back in every kind of method", async () => {
      const client = app.client(options);
      seen.length = 0;
      expectSame([await client.echo(values())], [values()]);
      expectSame(await collected(client.echoEach({ values: THREE })), THREE);
      expectSame((await client.echoAll(streamOf(THREE))).values, THREE);
      expectSame(await collected(client.echoBoth(streamOf(THREE))), THREE);
      expectSame(seen, [values(), ...THREE, ...THREE]);
      expect(await client.plain({ text: "as it is" })).toMatchObject({ text: "as it is" });
    });

    test("handlers and clients have them by the classes of bson", async () => {
      seen.length = 0;
      for (const one of [await app.client(options).echo(values()), ...seen]) {
        expect(one.objectId).toBeInstanceOf(ObjectId);
        expect(one.date).toBeInstanceOf(Date);
        expect(one.decimal).toBeInstanceOf(Decimal128);
        expect(one.uuidText).toBeInstanceOf(UUID);
        expect(one.longs[1]).toBeInstanceOf(Long);
        expect(one.binary).toBeInstanceOf(Binary);
        expect(one.choice.value).toBeInstanceOf(Long);
        expect("maybeObjectId" in one).toBe(false);
      }
      expect(seen).toHaveLength(1);
    });

    test("currentCall() is the call in every kind of handler, after what it waited for", async () => {
      const client = app.client(options);
      const headers = { "x-request-id": "r-1" };
      calls.length = 0;
      await client.echo(values(), { headers });
      await collected(client.echoEach({ values: THREE }, { headers }));
      await client.echoAll(streamOf(THREE), { headers });
      await collected(client.echoBoth(streamOf(THREE), { headers }));
      const names = ["Echo", "EchoEach", "EchoAll", "EchoBoth", "EchoBoth", "EchoBoth"];
      expect(calls).toEqual(names.map((name) => ["r-1", name]));
    });
  });
});

test("whatever fits comes back as it was", async () => {
  await using app = await startValues();
  for (const options of Object.values(WIRES)) {
    const client = app.client(options);
    const given = messagesOf(ValuesSchema);
    await fc.assert(
      fc.asyncProperty(given, async (message) => {
        fc.pre(isMessage(message, ValuesSchema));
        const received = Values.toMessage(await client.echo(Values.fromMessage(message)));
        expect(equals(ValuesSchema, received, message)).toBe(true);
      }),
      { numRuns: 30 },
    );
  }
});

test.each(versions)("a handler and a client may give what $name makes", async ({ bson }) => {
  const given = {
    objectId: new bson.ObjectId("0123456789abcdef01234567"),
    objectIdText: new bson.ObjectId("0123456789abcdef01234567"),
    decimal: bson.Decimal128.fromString("19.90"),
    uuid: new bson.Binary(Buffer.alloc(16, 7), 4),
    uuidText: new bson.Binary(Buffer.alloc(16, 7), 4),
    long: new bson.Long(-1, 5),
    binary: new bson.Binary(Buffer.from("abc")),
  };
  await using app = await startValues({ handlers: { echo: () => given } });
  const received = await app.client().echo(given);
  expect(received.objectId.toHexString()).toBe("0123456789abcdef01234567");
  expect(received.objectIdText.toHexString()).toBe("0123456789abcdef01234567");
  expect(received.decimal.toString()).toBe("19.90");
  expect(received.uuid.toHexString()).toBe("07070707-0707-0707-0707-070707070707");
  expect(received.uuidText.toHexString()).toBe("07070707-0707-0707-0707-070707070707");
  expect(received.long.toString()).toBe(String(2n ** 32n * 5n + 0xffff_ffffn));
  expect(Buffer.from(received.binary.buffer).toString()).toBe("abc");
});

test.each(recentVersions)("a handler and a client may give a UUID of $name", async ({ bson }) => {
  const uuid = new bson.UUID(new Uint8Array(16).fill(7));
  await using app = await startValues({ handlers: { echo: (one) => ({ ...one, uuidText: uuid }) } });
  const received = await app.client().echo({ ...values(), uuid });
  expect([received.uuid, received.uuidText].map(String)).toEqual([uuid, uuid].map((one) => one.toHexString()));
});

/** Keeps the messages that pass, and which way. */
function watch(passed: (readonly [way: string, message: Message])[]): Interceptor {
  return (next) => async (request) => {
    async function* each<T extends Message>(way: string, messages: AsyncIterable<T>): AsyncGenerator<T> {
      for await (const message of messages) {
        passed.push([way, message]);
        yield message;
      }
    }
    if (!request.stream) {
      passed.push(["request", request.message]);
    }
    const answer = await next(request.stream ? { ...request, message: each("request", request.message) } : request);
    if (answer.stream) {
      return { ...answer, message: each("answer", answer.message) };
    }
    passed.push(["answer", answer.message]);
    return answer;
  };
}

test("interceptors of the service and of the client see protobuf messages", async () => {
  const [byService, byClient]: [(readonly [string, Message])[], (readonly [string, Message])[]] = [[], []];
  await using app = await startValues({ interceptors: [watch(byService)] });
  const client = app.client({ interceptors: [watch(byClient)] });
  await client.echo(values());
  await collected(client.echoBoth(streamOf(THREE)));
  for (const passed of [byService, byClient]) {
    expect(passed.map(([way]) => way).toSorted()).toEqual([...Array(4).fill("answer"), ...Array(4).fill("request")]);
    for (const [, message] of passed) {
      expect(isMessage(message, ValuesSchema) && message.objectId).toBeInstanceOf(Uint8Array);
      expect(isMessage(message, ValuesSchema) && message.date).toMatchObject({ seconds: -1n, nanos: 999_000_000 });
    }
  }
});

test("createClient takes a service with domain types over any transport of Connect's", async () => {
  await using app = await startValues();
  const client = createClient(valuesService, createGrpcTransport({ baseUrl: app.url }));
  expectSame([await client.echo(values())], [values()]);
});

test("a class may have the handlers, and they have it as `this`", async () => {
  class Handlers implements ValuesHandlers {
    readonly #text: string;
    constructor(text: string) {
      this.#text = text;
    }
    echo(one: Values) {
      return this.#with(one);
    }
    async *echoEach(request: { readonly values: readonly Values[] }) {
      yield* request.values.map((one) => this.#with(one));
    }
    async echoAll(requests: AsyncIterable<Values>) {
      return { values: (await collected(requests)).map((one) => this.#with(one)) };
    }
    async *echoBoth(requests: AsyncIterable<Values>) {
      for await (const one of requests) yield this.#with(one);
    }
    plain() {
      return { text: this.#text };
    }
    #with(one: Values): Values {
      return { ...one, choice: { case: "chosenText", value: this.#text } };
    }
  }
  await using app = await startTest(
    defineService({ name: "values", routes: () => [implement(valuesService, new Handlers("mine"))] }),
  );
  const client = app.client(valuesService);
  const answers = [
    await client.echo(values()),
    ...(await collected(client.echoEach({ values: [values()] }))),
    ...(await client.echoAll(streamOf([values()]))).values,
    ...(await collected(client.echoBoth(streamOf([values()])))),
  ];
  expect(answers.map(({ choice }) => choice.value)).toEqual(["mine", "mine", "mine", "mine"]);
  expect((await client.plain({})).text).toBe("mine");
});

test("a fake takes handlers in domain types; a method that it has none for is unimplemented", async () => {
  const front = defineService({
    name: "front",
    config: { VALUES_URL: z.url() },
    resources: ({ config, use }) => createClient(valuesService, use(createChannel(config.VALUES_URL))),
    routes: ({ resources: next }) => [
      implement(valuesService, {
        ...echoHandlers,
        echo: (one) => next.echo(one),
        echoEach: (request) => next.echoEach(request),
      }),
    ],
  });
  const other = fake(valuesService, { echo: (one) => ({ ...one, long: one.long.add(1) }) });
  await using app = await startTest(front, { fakes: { VALUES_URL: other } });
  const client = app.client(valuesService);
  expect((await client.echo(values({ long: Long.fromNumber(41) }))).long.toString()).toBe("42");
  await expect(collected(client.echoEach({ values: [] }))).rejects.toThrow("[internal] internal error");
  expect(JSON.stringify(app.logs)).toContain("EchoEach is not implemented");
});

test("a client without domain types calls a service that has them, by messages", async () => {
  await using app = await startValues();
  const client = createClient(PlainValuesService, createGrpcTransport({ baseUrl: app.url }));
  const message = Values.toMessage(values());
  expect(equals(ValuesSchema, await client.echo(message), message)).toBe(true);
});
