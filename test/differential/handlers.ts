import { setImmediate as turn } from "node:timers/promises";
import { create, type Message, type MessageInitShape } from "@bufbuild/protobuf";
import { type Code, ConnectError, createContextKey, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import {
  type Answer,
  AnswerSchema,
  type DifferentialService,
  Failure_Kind,
  type Field,
  Form,
  Pace,
  type Wish,
  WishSchema,
} from "./gen/differential/v1/differential_pb.js";
import { factsOf, ownKeys, type Witness } from "./witness.ts";

/** What HTTP/2 has not. */
export const CONNECTION_NAMES: readonly string[] = ["connection", "keep-alive", "transfer-encoding", "te"];
const FRAMING_NAMES = [...CONNECTION_NAMES, "content-length", "trailer"];
/** What a handler tells, even where it is blind, that sets fields which are HTTP's own to frame an answer. */
export const GIVES_FRAMING_FIELDS = "handler that gives fields of the framing";

/** What interceptors may leave for the handler. */
export const VALUE = createContextKey("default", { description: "left by an interceptor" });

/** Handlers that do as their wishes say, and tell `witness` what they saw. */
export function handlers(witness: Witness): ServiceImpl<typeof DifferentialService> {
  const once = (wish: Wish, context: HandlerContext) => {
    begin(witness, wish, context);
    return paced(wish, () => {
      fail(wish);
      return formed(wish, answerTo(wish));
    });
  };
  return {
    look: once,
    act: once,
    async *tell(wish, context) {
      begin(witness, wish, context);
      for (let index = 0; index < wish.count; index++) {
        yield await paced(wish, () => formed(wish, answerTo(wish, { index })));
      }
      fail(wish);
    },
    async collect(wishes, context) {
      const texts: string[] = [];
      let last = create(WishSchema);
      let readMost = Number.POSITIVE_INFINITY;
      for await (const wish of wishes) {
        last = wish;
        readMost = texts.length === 0 ? wish.readMost || readMost : readMost;
        texts.push(wish.text);
        witness.saw(context.requestHeader, "a client stream's message", factsOf(WishSchema, wish));
        if (texts.length >= readMost) break;
      }
      begin(witness, last, context);
      return paced(last, () => {
        fail(last);
        return formed(last, answerTo(last, { text: texts.join(",") }));
      });
    },
    async *talk(wishes, context) {
      let index = 0;
      for await (const wish of wishes) {
        begin(witness, wish, context);
        yield await paced(wish, () => {
          fail(wish);
          return formed(wish, answerTo(wish, { index }));
        });
        index++;
      }
    },
  };
}

function begin(witness: Witness, wish: Wish, context: HandlerContext): void {
  if (!wish.isBlind) {
    witness.saw(context.requestHeader, "handler", { ...factsOfContext(context), message: factsOf(WishSchema, wish) });
  }
  const framing = wish.headers.map(({ name }) => name).filter((name) => FRAMING_NAMES.includes(name));
  if (framing.length > 0) {
    witness.saw(context.requestHeader, GIVES_FRAMING_FIELDS, { names: framing });
  }
  give(context.responseHeader, wish.headers, wish.isBlind);
  give(context.responseTrailer, wish.trailers, wish.isBlind);
}

/** A handler that is blind does not so much as touch what it has no field for. */
function give(header: Headers, fields: readonly Field[], isBlind: boolean): void {
  if (!isBlind || fields.length > 0) {
    for (const { name, value, isAdded } of fields) {
      header[isAdded ? "append" : "set"](name, value);
    }
  }
}

function factsOfContext(context: HandlerContext) {
  return {
    keys: ownKeys(context).filter((key) => DOCUMENTED.has(key)),
    service: context.service.typeName,
    method: context.method.name,
    requestMethod: context.requestMethod,
    protocolName: context.protocolName,
    url: context.url,
    hasTimeout: context.timeoutMs() !== undefined,
    isAborted: context.signal.aborted,
    value: context.values.get(VALUE),
    requestHeader: [...context.requestHeader],
    responseHeader: [...context.responseHeader],
    responseTrailer: [...context.responseTrailer],
  };
}

/** What HandlerContext declares: whatever else Connect's own objects have is theirs. */
const DOCUMENTED: ReadonlySet<string> = new Set<keyof HandlerContext>([
  "method",
  "service",
  "requestMethod",
  "protocolName",
  "url",
  "timeoutMs",
  "signal",
  "values",
  "requestHeader",
  "responseHeader",
  "responseTrailer",
]);

/** The handlers' answers have whatever type the wish wants; the types of their methods are those of a decent handler. */
function paced<T>({ pace }: Wish, answer: () => T): T {
  switch (pace) {
    case Pace.PROMISE:
      return Promise.resolve().then(answer) as T;
    case Pace.TURN:
      return turn().then(answer) as T;
    default:
      return answer();
  }
}

function answerTo(wish: Wish, besides: MessageInitShape<typeof AnswerSchema> = {}): Answer {
  const { text, payload, number, numbers, words, any: packed, duration, fillingBytes } = wish;
  return create(AnswerSchema, {
    text,
    payload,
    number,
    numbers,
    words,
    ...(packed === undefined ? {} : { any: packed }),
    ...(duration === undefined ? {} : { duration }),
    filling: "x".repeat(fillingBytes),
    ...besides,
  });
}

function formed({ form }: Wish, answer: Answer): Answer {
  const { $typeName: _name, $unknown: _unknown, ...init } = answer;
  switch (form) {
    case Form.INIT:
      return init as Answer;
    case Form.EMPTY:
      return {} as Answer;
    case Form.UNDEFINED:
      return undefined as unknown as Answer;
    case Form.WRONG:
      return Object.assign(answer, { number: "wrong" });
    default:
      return answer;
  }
}

/** What a failure throws: not only errors, as JavaScript has it. */
function fail({ failure }: Wish): void {
  if (failure === undefined) return;
  const { kind, code, message, details, metadata } = failure;
  const header = new Headers();
  give(header, metadata, false);
  const errors: Readonly<Record<Failure_Kind, unknown>> = {
    [Failure_Kind.UNSPECIFIED]: new ConnectError(
      message,
      code as Code, // any number: a handler in JavaScript may have any
      header,
      details.map((text) => ({ desc: AnswerSchema, value: { text } })),
    ),
    [Failure_Kind.ERROR]: new Error(message),
    [Failure_Kind.TEXT]: message,
    [Failure_Kind.UNDEFINED]: undefined,
    [Failure_Kind.NULL]: null,
    [Failure_Kind.OBJECT]: { message },
    [Failure_Kind.ABORT]: Object.assign(new Error(message), { name: "AbortError" }),
  };
  throw errors[kind];
}

/** Kept beside the handlers: what they answer, interceptors see as this. */
export function factsOfAnswer(message: Message) {
  return factsOf(AnswerSchema, message);
}
