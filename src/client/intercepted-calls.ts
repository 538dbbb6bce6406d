import {
  create,
  type DescMessage,
  type DescMethodStreaming,
  type DescMethodUnary,
  type Message,
  type MessageInitShape,
} from "@bufbuild/protobuf";
import {
  createContextValues,
  type Interceptor,
  type StreamRequest,
  type StreamResponse,
  type UnaryRequest,
  type UnaryResponse,
} from "@connectrpc/connect";
import { transformConnectPostToGetRequest } from "@connectrpc/connect/protocol-connect";
import { callInProgress } from "../call/current.ts";
import { CallLife, reasonOf } from "./call-life.ts";
import { type MethodCalls, withEncoding } from "./method-calls.ts";
import { RequestOutcome } from "./request-outcome.ts";
import { StreamCall } from "./stream-call.ts";
import { streamForm } from "./stream-form.ts";
import type { CallRequest, CallTransportOptions } from "./transport-options.ts";
import { createUnaryCall, writeUnary } from "./unary-request.ts";

// Calls with interceptors: they are given requests and answers in the shapes of Connect's own transports, and a signal that
// aborts with the end of the call.

type Call<Q, R> = (request: Q) => Promise<R>;

/** As Connect aborts a signal at the end of a call that went well; one for all: an abort without a reason builds a stack. */
const ENDED: unknown = AbortSignal.abort().reason;

/** @param isGet the request goes out as GET, with the message in its query */
export async function interceptedUnary(
  options: CallTransportOptions,
  method: DescMethodUnary,
  calls: MethodCalls,
  asked: CallRequest,
  input: MessageInitShape<DescMessage>,
  isGet: boolean,
): Promise<UnaryResponse> {
  const { life, controller, header } = begin(options, calls, asked);
  const request: UnaryRequest = {
    ...commonOf(method, calls, asked, header, controller.signal),
    stream: false,
    method,
    message: create(method.input, input),
  };
  try {
    const next = through<UnaryRequest, UnaryResponse>(options.interceptors, (given) =>
      sendUnary(options, method, calls, given, isGet),
    );
    const response = await next(request);
    life.succeed();
    controller.abort(ENDED);
    return response;
  } catch (thrown) {
    const error = life.fail(thrown);
    controller.abort(error);
    throw error;
  }
}

function sendUnary(
  options: CallTransportOptions,
  method: DescMethodUnary,
  calls: MethodCalls,
  request: UnaryRequest,
  isGet: boolean,
): Promise<UnaryResponse> {
  return new Promise((resolve, reject) => {
    const call = createUnaryCall(options, method, calls, { resolve, reject });
    const { signal } = request;
    if (signal.aborted) {
      call.fail(reasonOf(signal));
      return;
    }
    call.outcome = new RequestOutcome(signal, call);
    writeUnary(options, call, calls, request.message, (body, encoding) => {
      withEncoding(options, request.header, encoding);
      const sent = isGet ? transformConnectPostToGetRequest(request, body, options.format === "binary") : request;
      const httpMethod = options.protocol === "grpc" ? "POST" : sent.requestMethod;
      call.start(options.target, calls.head(sent.header, httpMethod, sent.url), isGet ? null : body);
    });
  });
}

export async function interceptedStream(
  options: CallTransportOptions,
  method: DescMethodStreaming,
  calls: MethodCalls,
  asked: CallRequest,
  input: AsyncIterable<MessageInitShape<DescMessage>>,
): Promise<StreamResponse> {
  const { life, controller, header } = begin(options, calls, asked);
  const fail = (thrown: unknown) => {
    const error = life.fail(thrown);
    controller.abort(error);
    close(input, error);
    return error;
  };
  const request: StreamRequest = {
    ...commonOf(method, calls, asked, header, controller.signal),
    stream: true,
    method,
    message: whole(method.input, input),
  };
  try {
    const next = through<StreamRequest, StreamResponse>(options.interceptors, (given) =>
      sendStream(options, method, calls, given),
    );
    const response = await next(request);
    life.beginStream();
    const succeed = () => {
      life.succeed();
      controller.abort(ENDED);
      close(input, undefined);
    };
    return { ...response, message: told(response.message, life, succeed, fail) };
  } catch (thrown) {
    throw fail(thrown);
  }
}

function sendStream(
  options: CallTransportOptions,
  method: DescMethodStreaming,
  calls: MethodCalls,
  request: StreamRequest,
): Promise<StreamResponse> {
  const { signal } = request;
  if (signal.aborted) {
    return Promise.reject(reasonOf(signal));
  }
  const call = new StreamCall(method, streamForm(options, calls), request.message, false);
  const httpMethod = options.protocol === "grpc-web" ? request.requestMethod : "POST";
  const head = calls.head(request.header, httpMethod, request.url);
  call.start(options.target, head, new RequestOutcome(signal, call));
  return call.response;
}

function begin(
  options: CallTransportOptions,
  calls: MethodCalls,
  asked: CallRequest,
): { readonly life: CallLife; readonly controller: AbortController; readonly header: Headers } {
  const inProgress = callInProgress();
  const { header, limits } = calls.begin(inProgress, asked.header, asked.timeoutMs, true);
  const controller = new AbortController();
  const life = new CallLife(options.counts, calls.url, asked.signal, inProgress, limits, {
    cut: (reason) => controller.abort(reason),
  });
  return { life, controller, header: header as Headers }; // it was asked for whole
}

function commonOf(
  method: DescMethodUnary | DescMethodStreaming,
  { url }: MethodCalls,
  { contextValues }: CallRequest,
  header: Headers,
  signal: AbortSignal,
) {
  return {
    service: method.parent,
    requestMethod: "POST",
    url,
    header,
    contextValues: contextValues ?? createContextValues(),
    signal,
  };
}

/** The interceptors around what sends; they are asked anew for every call, as they may keep something for it. */
function through<Q, R>(interceptors: readonly Interceptor[], send: Call<Q, R>): Call<Q, R> {
  // Connect's type lets an interceptor answer a unary request with a stream; none does, or createClient would fail.
  let next = send as unknown as ReturnType<Interceptor>;
  for (const interceptor of interceptors.toReversed()) {
    next = interceptor(next);
  }
  return next as unknown as Call<Q, R>;
}

/** The messages of a request, each in full. */
function whole(type: DescMessage, input: AsyncIterable<MessageInitShape<DescMessage>>): AsyncIterable<Message> {
  return {
    [Symbol.asyncIterator]() {
      const iterator = input[Symbol.asyncIterator]();
      const complete = (result: IteratorResult<MessageInitShape<DescMessage>>): IteratorResult<Message> =>
        result.done ? result : { done: false, value: create(type, result.value) };
      const { throw: raise, return: leave } = iterator;
      return {
        next: () => iterator.next().then(complete),
        ...(raise && { throw: (error: unknown) => raise.call(iterator, error).then(complete) }),
        ...(leave && { return: (value: unknown) => leave.call(iterator, value).then(complete) }),
      };
    },
  };
}

/** The messages of an answer, whose end and failure are told; a call that was cut short gives no more of them. */
function told(
  messages: AsyncIterable<Message>,
  life: CallLife,
  succeed: () => void,
  fail: (thrown: unknown) => Error,
): AsyncIterable<Message> {
  return {
    [Symbol.asyncIterator]() {
      const iterator = messages[Symbol.asyncIterator]();
      return {
        async next() {
          try {
            const { cutBy } = life;
            if (cutBy !== undefined) {
              throw cutBy;
            }
            const result = await iterator.next();
            if (result.done) {
              succeed();
            }
            return result;
          } catch (thrown) {
            throw fail(thrown);
          }
        },
      };
    },
  };
}

/** Tells whoever gives a request's messages that no more are wanted, and why if there is an error. */
function close(input: AsyncIterable<unknown>, error: Error | undefined): void {
  const iterator = input[Symbol.asyncIterator]();
  if (error !== undefined) {
    iterator.throw?.(error).catch(() => undefined);
  }
  iterator.return?.().catch(() => undefined); // its owner's affair: the call has its outcome
}
