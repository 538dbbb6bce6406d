import { setImmediate as turn } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  createContextValues,
  type Interceptor,
  type StreamRequest,
  type StreamResponse,
  type UnaryRequest,
  type UnaryResponse,
} from "@connectrpc/connect";
import { type Answer, AnswerSchema, type Wish, WishSchema } from "./gen/differential/v1/differential_pb.js";
import { factsOfAnswer, VALUE } from "./handlers.ts";
import { factsOf, factsOfThrown, ownKeys, type Witness } from "./witness.ts";

/** The field of a request that names the interceptors that take part in it. */
export const DOES_HEADER = "x-does";

type Request = UnaryRequest | StreamRequest;
type Response = UnaryResponse | StreamResponse;
type Does = (next: (request: Request) => Promise<Response>, request: Request) => Promise<Response>;

/** What interceptors do, outermost first; each where the request names it. */
const DEEDS = {
  "rethrow-other": async (next, request) => {
    try {
      return await next(request);
    } catch (thrown) {
      throw new ConnectError(`instead of ${ConnectError.from(thrown).rawMessage}`, Code.DataLoss, {
        "x-instead": "yes",
      });
    }
  },
  "answer-instead-of-error": async (next, request) => {
    try {
      return await next(request);
    } catch {
      return ownAnswer(request, "in the place of an error");
    }
  },
  "late-before": async (next, request) => {
    await turn();
    return next(request);
  },
  "late-after": async (next, request) => {
    const response = await next(request);
    await turn();
    return response;
  },
  spread: async (next, request) => ({ ...(await next({ ...request })) }),
  "change-header": (next, request) => {
    request.header.set("x-changed", "yes");
    request.header.append("x-a", "added");
    request.header.delete("x-b");
    return next(request);
  },
  "replace-header": (next, request) =>
    next({ ...request, header: new Headers([...request.header, ["x-replaced", "yes"]]) }),
  "replace-values": (next, request) =>
    next({ ...request, contextValues: createContextValues().set(VALUE, "replaced") }),
  "set-value": (next, request) => {
    request.contextValues.set(VALUE, "set");
    return next(request);
  },
  "replace-signal": (next, request) =>
    next({ ...request, signal: AbortSignal.any([request.signal, new AbortController().signal]) }),
  "change-message": (next, request) =>
    next(withWishes(request, (wish) => Object.assign(wish, { text: `${wish.text} changed` }))),
  "replace-message": (next, request) =>
    next(withWishes(request, ({ $typeName: _, ...rest }) => create(WishSchema, { ...rest, text: "replaced" }))),
  "answer-itself": async (_next, request) => ownAnswer(request, "without the handler"),
  "answer-twice": async (next, request) => {
    if (!request.stream) {
      await next(request);
    }
    return next(request);
  },
  "throw-connect-error": () =>
    Promise.reject(new ConnectError("an interceptor's", Code.PermissionDenied, { "x-interceptor": "yes" })),
  "throw-error": () => Promise.reject(new Error("an interceptor's secret")),
  "throw-at-once": () => {
    throw new ConnectError("an interceptor's", Code.Unauthenticated);
  },
  "throw-after": async (next, request) => {
    await next(request);
    throw new ConnectError("behind the handler", Code.Aborted);
  },
  "change-response-header": async (next, request) => {
    const response = await next(request);
    response.header.set("x-answer", "changed");
    response.header.append("x-answer", "added");
    response.trailer.append("x-answer-trailer", "added");
    return response;
  },
  "replace-response-header": async (next, request) => {
    const response = await next(request);
    const header = new Headers([...response.header, ["x-answer", "replaced"]]);
    return { ...response, header, trailer: new Headers([...response.trailer, ["x-answer-trailer", "replaced"]]) };
  },
  "empty-response-header": async (next, request) => ({
    ...(await next(request)),
    header: new Headers({ "x-only": "this" }),
    trailer: new Headers(),
  }),
  "change-response-message": async (next, request) =>
    withAnswers(await next(request), (answer) => Object.assign(answer, { text: `${answer.text} answered` })),
  "replace-response-message": async (next, request) =>
    withAnswers(await next(request), () => create(AnswerSchema, { text: "replaced" })),
} satisfies Record<string, Does>;

export const DEED_NAMES = Object.keys(DEEDS) as readonly (keyof typeof DEEDS)[];

/** The interceptors of a service, outermost first: one that looks, those that act where a request names them, one that looks. */
export function interceptors(witness: Witness): readonly Interceptor[] {
  return [
    lookOn(witness, "outermost interceptor"),
    ...Object.entries<Does>(DEEDS).map(
      ([name, does]): Interceptor =>
        (next) =>
        (request) =>
          request.header.get(DOES_HEADER)?.split(",").includes(name) ? does(next, request) : next(request),
    ),
    lookOn(witness, "innermost interceptor"),
  ];
}

function lookOn(witness: Witness, who: string): Interceptor {
  return (next) => async (request) => {
    const { header } = request;
    witness.saw(header, who, factsOfRequest(request));
    try {
      const response = await next(request);
      witness.saw(header, `${who}, behind`, factsOfResponse(response));
      return response;
    } catch (thrown) {
      witness.saw(header, `${who}, behind`, factsOfThrown(thrown));
      throw thrown;
    }
  };
}

function factsOfRequest(request: Request) {
  return {
    keys: ownKeys(request),
    isStream: request.stream,
    service: request.service.typeName,
    method: request.method.name,
    requestMethod: request.requestMethod,
    url: request.url,
    isAborted: request.signal.aborted,
    value: request.contextValues.get(VALUE),
    header: [...request.header],
    ...(request.stream ? {} : { message: factsOf(WishSchema, request.message) }),
  };
}

function factsOfResponse(response: Response) {
  return {
    keys: ownKeys(response),
    isStream: response.stream,
    service: response.service.typeName,
    method: response.method.name,
    header: [...response.header],
    trailer: [...response.trailer],
    ...(response.stream ? {} : { message: factsOfAnswer(response.message) }),
  };
}

/** All messages that come in are wishes, and all that go out are answers: TypeScript knows them as messages only. */
function withWishes(request: Request, change: (wish: Wish) => Wish): Request {
  return request.stream
    ? { ...request, message: each(request.message, change as (message: unknown) => never) }
    : { ...request, message: change(request.message as Wish) };
}

function withAnswers(response: Response, change: (answer: Answer) => Answer): Response {
  return response.stream
    ? { ...response, message: each(response.message, change as (message: unknown) => never) }
    : { ...response, message: change(response.message as Answer) };
}

async function* each<T>(messages: AsyncIterable<T>, change: (message: T) => T): AsyncIterable<T> {
  for await (const message of messages) {
    yield change(message);
  }
}

function ownAnswer(request: Request, text: string): Response {
  const { service, method } = request;
  // Large enough to be compressed, where the caller takes that: then the head has to say so.
  const message = create(AnswerSchema, { text, filling: "x".repeat(request.header.has("x-b") ? 3000 : 0) });
  const fields = { service, header: new Headers({ "x-own": "yes" }), trailer: new Headers({ "x-own-trailer": "yes" }) };
  return request.stream
    ? { ...fields, stream: true, method: request.method, message: each(once(message), (same) => same) }
    : ({ ...fields, stream: false, method, message } as UnaryResponse);
}

async function* once<T>(message: T): AsyncIterable<T> {
  yield message;
}
