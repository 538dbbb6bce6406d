import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, createContextValues, type HandlerContext } from "@connectrpc/connect";
import type { ObjectId } from "bson";
import { createChannel, createClient } from "portico";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BadRequestSchema } from "../../gen/google/rpc/error_details_pb.js";
import { until } from "../../test/support/until.ts";
import { ValuesService as DomainValuesService } from "../../test/types/gen/test/types/v1/services_domain.js";
import { ValuesService as PlainValuesService } from "../../test/types/gen/test/types/v1/services_pb.js";
import { Values } from "../../test/types/gen/test/types/v1/values_domain.js";
import { type Values as ValuesMessage, ValuesSchema } from "../../test/types/gen/test/types/v1/values_pb.js";
import { refusal } from "../../test/types/refusal.ts";
import {
  BAD_PATH,
  badValues,
  ENGINES,
  echoHandlers,
  startValues,
  type ValuesApp,
  type ValuesHandlers,
  values,
  WIRES,
} from "../../test/types/values-app.ts";
import { domainHandlers } from "./domain-handlers.ts";

const GOOD = Values.toMessage(values());
const BAD = create(ValuesSchema, { ...GOOD, objectIds: [GOOD.objectId, new Uint8Array(11)] });
const PROBLEM = "must be 12 bytes, an ObjectId; it has 11";

async function* streamOf<T>(all: readonly T[]): AsyncGenerator<T> {
  yield* all;
}

async function failureOf(work: () => unknown): Promise<ConnectError> {
  try {
    await work();
  } catch (error) {
    return ConnectError.from(error);
  }
  throw new Error("nothing failed");
}

/** What came before the stream failed, and with what it failed. */
async function readUntilFailure<T>(stream: AsyncIterable<T>): Promise<readonly [readonly T[], ConnectError]> {
  const read: T[] = [];
  const error = await failureOf(async () => {
    for await (const one of stream) read.push(one);
  });
  return [read, error];
}

function expectBadRequest(error: ConnectError, path: string): void {
  expect(error.code).toBe(Code.InvalidArgument);
  expect(error.rawMessage).toBe(`${path} ${PROBLEM}`);
  expect(error.findDetails(BadRequestSchema)).toMatchObject([
    { fieldViolations: [{ field: path, description: `${path} ${PROBLEM}` }] },
  ]);
}

describe.each(ENGINES)("over the engine %s", (engine) => {
  let app: ValuesApp;
  let handlers: Partial<ValuesHandlers> = {};
  /** What handlers have done. */
  const done: string[] = [];
  const handlersOfTheTest: ValuesHandlers = {
    echo: (one, context) => (handlers.echo ?? echoHandlers.echo)(one, context),
    echoEach: (request, context) => (handlers.echoEach ?? echoHandlers.echoEach)(request, context),
    echoAll: (requests, context) => (handlers.echoAll ?? echoHandlers.echoAll)(requests, context),
    echoBoth: (requests, context) => (handlers.echoBoth ?? echoHandlers.echoBoth)(requests, context),
    plain: (request, context) => echoHandlers.plain(request, context),
  };
  beforeAll(async () => {
    app = await startValues({ engine, handlers: handlersOfTheTest });
  });
  afterAll(() => app[Symbol.asyncDispose]());

  describe.each(Object.entries(WIRES))("by %s", (_name, options) => {
    const plainClient = () => createClient(PlainValuesService, createChannel(app.url, options));
    let from = 0;
    const handle = (some: Partial<ValuesHandlers>) => {
      handlers = some;
      done.length = 0;
      from = app.logs.length;
    };
    /** The line in which the log tells of a failure of `method`, since the handlers were chosen. */
    const lineOf = (method: string) =>
      until(() => app.logs.slice(from).find(({ message }) => message.includes(`/${method} failed, answered internal`)));

    test("a request that does not fit is invalid_argument, by the name of the field, and no handler sees it", async () => {
      handle({
        echo: (one) => {
          done.push("called");
          return one;
        },
        async *echoEach({ values: all }) {
          done.push("called");
          yield* all;
        },
      });
      expectBadRequest(await failureOf(() => plainClient().echo(BAD)), BAD_PATH);
      const [, error] = await readUntilFailure(plainClient().echoEach({ values: [GOOD, BAD] }));
      expectBadRequest(error, `values[1].${BAD_PATH}`);
      expect(done).toEqual([]);
    });

    test("a stream's message that does not fit is thrown where the handler reads it", async () => {
      handle({
        async echoAll(requests) {
          for await (const _one of requests) done.push("one");
          return {};
        },
        async *echoBoth(requests) {
          try {
            for await (const one of requests) yield one;
          } finally {
            done.push("closed");
          }
        },
      });
      expectBadRequest(await failureOf(() => plainClient().echoAll(streamOf([GOOD, GOOD, BAD, GOOD]))), BAD_PATH);
      const [read, error] = await readUntilFailure(plainClient().echoBoth(streamOf([GOOD, GOOD, BAD, GOOD])));
      expectBadRequest(error, BAD_PATH);
      expect(read).toHaveLength(2);
      expect(done).toEqual(["one", "one", "closed"]);
    });

    test("a handler may catch that, and answer all the same", async () => {
      const caught: ConnectError[] = [];
      handle({
        async echoAll(requests) {
          const all: Values[] = [];
          caught.push(
            await failureOf(async () => {
              for await (const one of requests) all.push(one);
            }),
          );
          return { values: all };
        },
        async *echoBoth(requests) {
          caught.push((await readUntilFailure(requests))[1]);
          yield values();
        },
      });
      expect((await plainClient().echoAll(streamOf([GOOD, GOOD, BAD]))).values).toHaveLength(2);
      const answers: ValuesMessage[] = [];
      for await (const one of plainClient().echoBoth(streamOf([GOOD, GOOD, BAD]))) answers.push(one);
      expect(answers).toHaveLength(1);
      expect(caught.map(({ code }) => code)).toEqual([Code.InvalidArgument, Code.InvalidArgument]);
    });

    test("an answer that does not fit is internal to the caller, and the log says which field, and no value", async () => {
      const bad = badValues();
      for (const echo of [() => bad, async () => bad]) {
        handle({ echo });
        const error = await failureOf(() => plainClient().echo(GOOD));
        expect(error).toMatchObject({ code: Code.Internal, rawMessage: "internal error", details: [] });
        const line = await lineOf("Echo");
        expect(JSON.stringify(line)).toContain(`${BAD_PATH} must be an ObjectId; it is a string`);
      }
      handle({ echoAll: async () => ({ values: [bad] }) });
      const error = await failureOf(() => plainClient().echoAll(streamOf([GOOD])));
      expect(error).toMatchObject({ code: Code.Internal, rawMessage: "internal error", details: [] });
      expect(JSON.stringify(await lineOf("EchoAll"))).toContain(`values[0].${BAD_PATH} must be an ObjectId`);
      expect(JSON.stringify(app.logs)).not.toContain("not an ObjectId");
    });

    test("an answer in a stream that does not fit ends it, and closes the handler's generator", async () => {
      async function* answers() {
        try {
          yield values();
          yield badValues();
          done.push("went on");
        } finally {
          done.push("closed");
        }
      }
      handle({ echoEach: answers, echoBoth: answers });
      for (const [method, call] of [
        ["EchoEach", () => plainClient().echoEach({ values: [] })],
        ["EchoBoth", () => plainClient().echoBoth(streamOf([GOOD]))],
      ] as const) {
        done.length = 0;
        const [read, error] = await readUntilFailure<ValuesMessage>(call());
        expect(read).toHaveLength(1);
        expect(error).toMatchObject({ code: Code.Internal, rawMessage: "internal error", details: [] });
        expect(JSON.stringify(await lineOf(method))).toContain(`${BAD_PATH} must be an ObjectId; it is a string`);
        expect(done).toEqual(["closed"]);
      }
    });

    test("what else a handler throws passes as it is", async () => {
      handle({
        echo: () => {
          throw new ConnectError("no such values", Code.NotFound);
        },
      });
      const error = await failureOf(() => plainClient().echo(GOOD));
      expect(error).toMatchObject({ code: Code.NotFound, rawMessage: "no such values" });
    });

    test("a debug_redact field that is a domain type is in no log line", async () => {
      const secret = new Uint8Array(11).fill(0xab);
      handle({});
      const error = await failureOf(() => plainClient().echo({ ...GOOD, secret }));
      expectBadRequest(error, "secret");
      handle({ echo: (one) => ({ ...one, secret: "hush-hush" as unknown as ObjectId }) }); // as without types
      await failureOf(() => plainClient().echo(GOOD));
      expect(JSON.stringify(await lineOf("Echo"))).toContain("secret must be an ObjectId; it is a string");
      handle({
        echo: (one) => {
          throw new Error(`what of ${one.secret}?`);
        },
      });
      await failureOf(() => plainClient().echo({ ...GOOD, secret: new Uint8Array(12).fill(0xab) }));
      expect(JSON.stringify(await lineOf("Echo"))).toContain("what of [redacted]?");
      expect(JSON.stringify(app.logs)).not.toMatch(/hush|q6urq6urq6urq6ur|abababab/);
    });
  });
});

describe("domainHandlers", () => {
  const context = { values: createContextValues() } as HandlerContext; // no handler here asks for more
  type Unary = (request: unknown, context: HandlerContext) => unknown;
  const adapted = (handlers: Readonly<Record<string, unknown>>) =>
    domainHandlers(DomainValuesService, handlers) as Readonly<Record<string, Unary | undefined>>;

  test("a handler that answers at once does so still: no promise is made", () => {
    const answer = adapted({ echo: (one: Values) => one })["echo"]?.(GOOD, context);
    expect(answer).toEqual(GOOD);
    expect(() => adapted({ echo: badValues })["echo"]?.(GOOD, context)).toThrow(BAD_PATH);
    expect(() => adapted({ echo: badValues })["echo"]?.(BAD, context)).toThrow(ConnectError);
  });

  test("a handler may answer with whatever can be waited for", async () => {
    // biome-ignore lint/suspicious/noThenProperty: it is what is tested
    const thenable = { then: (resolve: (one: Values) => unknown) => Promise.resolve(values()).then(resolve) };
    expect(await adapted({ echo: () => thenable })["echo"]?.(GOOD, context)).toEqual(GOOD);
    await expect(adapted({ echo: async () => badValues() })["echo"]?.(GOOD, context)).rejects.toThrow(BAD_PATH);
  });

  test("methods that have no handler, and what is no method, are left out", () => {
    const some = { echo: () => values(), echoEach: undefined, other: () => undefined };
    expect(Object.keys(adapted(some))).toEqual(["echo"]);
  });

  test("methods without domain types have the handler's own answer", () => {
    const answer = { text: "the same" };
    expect(adapted({ plain: () => answer })["plain"]?.({}, context)).toBe(answer);
  });

  test("what is wrong with an answer is told by the way to it", () => {
    const error = refusal(() => adapted({ echo: badValues })["echo"]?.(GOOD, context));
    expect(error).toMatchObject({ path: BAD_PATH, problem: "must be an ObjectId; it is a string" });
  });
});
