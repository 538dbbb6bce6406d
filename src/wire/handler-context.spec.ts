import { create, toBinary } from "@bufbuild/protobuf";
import {
  createClient,
  createContextKey,
  createContextValues,
  createRouterTransport,
  type HandlerContext,
  type Interceptor,
  type ServiceImpl,
  type StreamRequest,
  type UnaryRequest,
} from "@connectrpc/connect";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DifferentialService, WishSchema } from "../../test/differential/gen/differential/v1/differential_pb.js";
import { ActiveCall } from "../call/call.ts";
import type { Clock } from "../call/clock.ts";
import type { Logger } from "../call/logger.ts";
import { createTasks } from "../call/tasks.ts";
import { envelope } from "./envelope.ts";
import type { BodyReceiver, Exchange } from "./exchange.ts";
import { implement } from "./implement.ts";
import { rpcHandler } from "./rpc.ts";

const log: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/** A clock that stands until it is moved; its timers are never due. */
function standingClock(): Clock & { time: number } {
  return {
    time: 1000,
    now() {
      return this.time;
    },
    schedule: () => ({ cancel: () => undefined }),
  };
}

type Request = UnaryRequest | StreamRequest;
type Kind = "unary" | "stream";
const PATH = { unary: "Act", stream: "Tell" };

/** What somebody in a call was given. */
interface Seen {
  readonly context: HandlerContext;
  readonly request: Request;
}

/** Has the lean path take a call, until its answer has ended. */
async function leanCall(
  kind: Kind,
  interceptors: readonly Interceptor[] = [],
  header: Readonly<Record<string, string>> = {},
) {
  const seen: HandlerContext[] = [];
  const clock = standingClock();
  const peer = { address: "203.0.113.9" };
  const call = new ActiveCall({
    requestId: "r-1",
    log,
    clock,
    tasks: createTasks(log),
    peer,
    companions: new Map(),
    secrets: [],
  });
  const handle = rpcHandler({
    implementations: [
      implement(
        DifferentialService,
        impl((context) => seen.push(context)),
      ),
    ],
    interceptors,
    deadlines: { defaultMs: 5000, maxMs: 60_000 },
    readMaxBytes: 1000,
  });
  const requestHeader = new Headers({ "content-type": "application/grpc", ...header });
  const body = envelope(0, toBinary(WishSchema, create(WishSchema, { count: 1 })));
  const ended = Promise.withResolvers<void>();
  const exchange: Partial<Exchange> = {
    call,
    httpVersion: "2.0",
    method: "POST",
    path: `/differential.v1.DifferentialService/${PATH[kind]}`,
    query: "",
    scheme: "https",
    authority: "example.com",
    requestHeader,
    plan: undefined,
    field: (name) => requestHeader.get(name) ?? undefined,
    receive(receiver: BodyReceiver) {
      receiver.onData(body, true);
      receiver.onEnd();
    },
    consumed: () => undefined,
    hold: () => true,
    sendHead: () => undefined,
    sendData: () => true,
    sendTrailers: () => ended.resolve(),
  };
  expect(handle(exchange as Exchange)).toBe(true); // it has all that the lean path asks for
  await ended.promise;
  const [context] = seen;
  if (context === undefined) throw new Error("the handler was not called");
  return { context, call, clock };
}

function impl(onContext: (context: HandlerContext) => void): ServiceImpl<typeof DifferentialService> {
  return {
    look: () => ({}),
    collect: async () => ({}),
    async *talk() {
      yield {};
    },
    act(_wish, context) {
      onContext(context);
      return {};
    },
    async *tell(_wish, context) {
      onContext(context);
      yield {};
    },
  };
}

/** What Connect's own handlers and interceptors are given. */
async function connectCall(kind: Kind): Promise<Seen> {
  const seen: { context?: HandlerContext; request?: Request } = {};
  const transport = createRouterTransport(
    ({ service }) => {
      service(
        DifferentialService,
        impl((context) => {
          seen.context = context;
        }),
      );
    },
    {
      router: {
        interceptors: [
          (next) => (request) => {
            seen.request = request;
            return next(request);
          },
        ],
      },
    },
  );
  const client = createClient(DifferentialService, transport);
  if (kind === "unary") await client.act({});
  else for await (const _answer of client.tell({ count: 1 })) break;
  const { context, request } = seen;
  if (context === undefined || request === undefined) throw new Error("nobody was called");
  return { context, request };
}

/** What Connect's contexts have besides what HandlerContext declares. */
const INTERNALS = ["abort", "contextValues", "impl", "kind", "requestSignal", "shutdownSignal"];

describe.each(["unary", "stream"] as const)("%s", (kind) => {
  test("context and request have the members of Connect's own, as their own", async () => {
    const connect = await connectCall(kind);
    let request: Request | undefined;
    const { context } = await leanCall(kind, [
      (next) => (asked) => {
        request = asked;
        return next(asked);
      },
    ]);
    const keys = Object.keys(connect.context).filter((key) => !INTERNALS.includes(key));
    expect(Object.keys(context).sort()).toEqual(keys.sort());
    expect(Object.keys(request ?? {}).sort()).toEqual(Object.keys(connect.request).sort());
    for (const [ours, theirs] of [
      [context, connect.context],
      [request, connect.request],
    ]) {
      expect(typesOf(ours, keys)).toEqual(typesOf(theirs, keys));
    }
  });

  test("spreading and assigning copy everything, the signal too", async () => {
    const interceptor: Interceptor = (next) => (request) => {
      const copies: Request[] = [{ ...request }, Object.assign({}, request), { ...{ ...request } }];
      for (const copy of copies) {
        for (const key of Object.keys(request) as (keyof Request)[]) expect(copy[key]).toBe(request[key]);
      }
      return next(copies[2] as Request); // within the array
    };
    const { context, call } = await leanCall(kind, [interceptor]);
    const copy = { ...context };
    for (const key of Object.keys(context) as (keyof HandlerContext)[]) expect(copy[key]).toBe(context[key]);
    expect(copy.signal).toBe(call.signal);
  });

  test("the signal is one, whoever asks for it, and aborts at the end", async () => {
    const signals: AbortSignal[] = [];
    const aborted: boolean[] = [];
    const { context, call } = await leanCall(kind, [
      (next) => (request) => {
        signals.push(request.signal, request.signal);
        aborted.push(request.signal.aborted);
        return next(request);
      },
    ]);
    expect(aborted).toEqual([false]);
    signals.push(context.signal, context.signal, call.signal);
    expect(new Set(signals).size).toBe(1);
    expect(context.signal.aborted).toBe(true);
  });

  test("a signal that is asked for only once the call is over has been aborted", async () => {
    const { context } = await leanCall(kind);
    expect(context.signal.aborted).toBe(true);
  });

  test("what interceptors replace reaches the handler, however they do it, and all else is as it was", async () => {
    const KEY = createContextKey("default");
    const other = {
      header: new Headers({ "x-other": "1" }),
      signal: AbortSignal.abort("other"),
      contextValues: createContextValues().set(KEY, "other"),
    };
    const names = fc.subarray(["header", "signal", "contextValues"] as const);
    const way = fc.constantFrom("spread" as const, "assign" as const, "define" as const);
    await fc.assert(
      fc.asyncProperty(names, way, async (replaced, how) => {
        let asked: Partial<Request> = {};
        const interceptor: Interceptor = (next) => (request) => {
          asked = { ...request };
          const changes = Object.fromEntries(replaced.map((name) => [name, other[name]]));
          if (how === "spread") return next({ ...request, ...changes });
          if (how === "assign") return next(Object.assign(request, changes));
          for (const [name, value] of Object.entries(changes)) Object.defineProperty(request, name, { value });
          return next(request);
        };
        const { context } = await leanCall(kind, [interceptor]);
        const expected = { ...asked, ...Object.fromEntries(replaced.map((name) => [name, other[name]])) };
        expect(context.requestHeader).toBe(expected.header);
        expect(context.signal).toBe(expected.signal);
        expect(context.values).toBe(expected.contextValues);
        expect(context).toMatchObject({
          url: `https://example.com/differential.v1.DifferentialService/${PATH[kind]}`,
          protocolName: "grpc",
          requestMethod: "POST",
        });
      }),
    );
  });

  test("what interceptors write into headers and values, the handler reads", async () => {
    const KEY = createContextKey("default");
    const { context } = await leanCall(
      kind,
      [
        (next) => (request) => {
          expect(request.contextValues.get(KEY)).toBe("default");
          request.header.set("x-added", "1");
          request.contextValues.set(KEY, "set");
          return next(request);
        },
      ],
      { "x-sent": "2" },
    );
    expect(context.requestHeader.get("x-added")).toBe("1");
    expect(context.requestHeader.get("x-sent")).toBe("2");
    expect(context.values.get(KEY)).toBe("set");
    expect(context.values.delete(KEY).get(KEY)).toBe("default");
  });

  test("the time-out is what holds, in the header too, and runs", async () => {
    const { context, clock } = await leanCall(kind, [], { "grpc-timeout": "2H" });
    expect(context.timeoutMs()).toBe(60_000);
    expect(context.requestHeader.get("grpc-timeout")).toBe("60000m");
    expect(new Headers(context.requestHeader).get("grpc-timeout")).toBe("60000m");
    clock.time += 59_999;
    expect(context.timeoutMs()).toBe(1);
  });
});

test("a unary call that asks for no time-out has the default, and a stream none", async () => {
  const unary = await leanCall("unary");
  expect(unary.context.timeoutMs()).toBe(5000);
  expect(unary.context.requestHeader.get("grpc-timeout")).toBe("5000m");
  const stream = await leanCall("stream");
  expect(stream.context.timeoutMs()).toBeUndefined();
  expect(stream.context.requestHeader.has("grpc-timeout")).toBe(false);
});

function typesOf(of: object | undefined, keys: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(of ?? {})
      .filter(([key]) => keys.includes(key))
      .map(([key, value]) => [key, typeof value]),
  );
}
