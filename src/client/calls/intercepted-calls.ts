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
  type StreamRequest,
  type StreamResponse,
  type UnaryRequest,
  type UnaryResponse,
} from "@connectrpc/connect";
import { transformConnectPostToGetRequest } from "@connectrpc/connect/protocol-connect";
import { callInProgress } from "../../call/current.ts";
import { intercepted } from "../../wire/intercepted.ts";
import { wholeMessages } from "../../wire/whole-messages.ts";
import { CallLife, reasonOf } from "./call-life.ts";
import { mannerOf } from "./call-manner.ts";
import { type MethodCalls, withEncoding } from "./method-calls.ts";
import { RequestOutcome } from "./request-outcome.ts";
import { StreamCall } from "./stream-call.ts";
import type { CallRequest, CallTransportOptions } from "./transport-options.ts";
import { UnaryAttempts } from "./unary-attempts.ts";
import { writeUnary } from "./unary-request.ts";
import { closeMessages } from "./upload.ts";

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
  const message = create(method.input, input); // before the call begins, as it may throw
  const { life, controller, header, cut } = begin(options, calls, asked);
  const request: UnaryRequest = {
    ...commonOf(method, calls, asked, header, controller.signal),
    stream: false,
    method,
    message,
  };
  try {
    const next = intercepted<Call<UnaryRequest, UnaryResponse>>(options.interceptors, (given) =>
      sendUnary(options, method, calls, life, asked, given, isGet),
    );
    const response = await Promise.race([next(request), cut]); // an interceptor may take longer than the call has
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
  life: CallLife,
  asked: CallRequest,
  request: UnaryRequest,
  isGet: boolean,
): Promise<UnaryResponse> {
  const { signal } = request;
  if (signal.aborted) {
    return Promise.reject(reasonOf(signal));
  }
  return new Promise((resolve, reject) => {
    const manner = mannerOf(asked, calls, callInProgress());
    const call = new UnaryAttempts(options, method, calls, manner, { resolve, reject });
    call.outcome = new RequestOutcome(life, calls.url, signal, call);
    writeUnary(options, call, calls, request.message, (body, encoding) => {
      withEncoding(options, request.header, encoding);
      const sent = isGet ? transformConnectPostToGetRequest(request, body, options.format === "binary") : request;
      const httpMethod = options.protocol === "grpc" ? "POST" : sent.requestMethod;
      call.start({
        head: (again) => calls.head(again ? calls.again(sent.header, again) : sent.header, httpMethod, sent.url),
        body: isGet ? null : body,
      });
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
  const messages = input[Symbol.asyncIterator](); // once: what is closed at the end is what is read
  const { life, controller, header, cut } = begin(options, calls, asked);
  const fail = (thrown: unknown) => {
    const error = life.fail(thrown);
    controller.abort(error);
    void closeMessages(messages, error);
    return error;
  };
  const request: StreamRequest = {
    ...commonOf(method, calls, asked, header, controller.signal),
    stream: true,
    method,
    message: wholeMessages(method.input, messages),
  };
  try {
    const next = intercepted<Call<StreamRequest, StreamResponse>>(options.interceptors, (given) =>
      sendStream(options, method, calls, life, asked, given),
    );
    const response = await Promise.race([next(request), cut]);
    life.beginStream();
    const succeed = () => {
      life.succeed();
      controller.abort(ENDED);
      void closeMessages(messages, undefined);
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
  life: CallLife,
  asked: CallRequest,
  request: StreamRequest,
): Promise<StreamResponse> {
  const { signal, header, message, url } = request;
  if (signal.aborted) {
    return Promise.reject(reasonOf(signal));
  }
  const call = new StreamCall(options, method, calls, message, mannerOf(asked, calls, callInProgress()), false);
  const httpMethod = options.protocol === "grpc-web" ? request.requestMethod : "POST";
  call.outcome = new RequestOutcome(life, calls.url, signal, call);
  call.start((again) => calls.head(again ? calls.again(header, again) : header, httpMethod, url));
  return call.response;
}

/** A call whose interceptors are about to be asked. */
interface Begun {
  readonly life: CallLife;
  readonly controller: AbortController;
  readonly header: Headers;
  /** Rejects when the call is cut short. */
  readonly cut: Promise<never>;
}

function begin(options: CallTransportOptions, calls: MethodCalls, asked: CallRequest): Begun {
  const inProgress = callInProgress();
  const { header, limits } = calls.begin(inProgress, asked.header, asked.timeoutMs, true);
  const controller = new AbortController();
  const cut = Promise.withResolvers<never>();
  cut.promise.catch(() => undefined); // a call that is over is cut short for nobody
  const life = new CallLife(options.counts, calls.url, options.clock, asked.signal, inProgress, limits, {
    cut(reason) {
      controller.abort(reason);
      setImmediate(() => cut.reject(reason)); // an interceptor may have an answer of its own for that
    },
  });
  return { life, controller, header: header as Headers, cut: cut.promise }; // it was asked for whole
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
