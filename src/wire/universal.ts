import { Code, ConnectError, createConnectRouter, type HandlerContext, type Interceptor } from "@connectrpc/connect";
import { createAsyncIterable, type UniversalHandler, type UniversalServerResponse } from "@connectrpc/connect/protocol";
import { codeFromHttpStatus } from "@connectrpc/connect/protocol-connect";
import type { ActiveCall } from "../call/call.ts";
import { callInProgress, runInCall } from "../call/current.ts";
import { boundedMs, type DeadlineLimits, formatTimeout, parseTimeoutMs, type TimeoutHeader } from "../call/deadline.ts";
import { COMPRESSIONS, DEFAULT_COMPRESS_MIN_BYTES, refuseBomb } from "./compression.ts";
import { type Exchange, urlOf } from "./exchange.ts";
import { gatherBody, gatherEnvelopes } from "./gather.ts";
import { withPlainStatus } from "./grpc-message.ts";
import { isGrpcWebText, type StreamedRequest, throughBinary } from "./grpc-web-text.ts";
import { encodingHeaderOf, errorAnswer, isConnectStream, type RpcProtocol, timeoutHeaderOf } from "./protocol.ts";
import type { RpcOptions } from "./rpc-options.ts";

const contexts = new WeakMap<object, HandlerContext>();
/** Calls whose request was read and given to the interceptors and the handler. */
const begun = new WeakSet<object>();

const markBegun: Interceptor = (next) => (request) => {
  const call = callInProgress();
  if (call !== undefined) {
    begun.add(call);
  }
  return next(request);
};

/**
 * Connect's own handlers, by path.
 *
 * @throws Error where two implementations answer the same path
 */
export function universalHandlers(options: RpcOptions): ReadonlyMap<string, UniversalHandler> {
  const router = createConnectRouter({
    interceptors: [markBegun, ...(options.rules?.interceptors ?? []), ...options.interceptors],
    acceptCompression: COMPRESSIONS,
    readMaxBytes: options.readMaxBytes,
    compressMinBytes: options.compressMinBytes ?? DEFAULT_COMPRESS_MIN_BYTES,
    ...(options.jsonOptions !== undefined && { jsonOptions: options.jsonOptions }),
    // The one place where Connect shows the context of a call before it reads the body, and also of one that it refuses.
    requestGate(context) {
      const call = callInProgress();
      if (call !== undefined) {
        contexts.set(call, context);
        context.signal.addEventListener("abort", () => expireWith(context.signal.reason, call), { once: true });
      }
    },
  });
  for (const { service, methods } of options.implementations) {
    router.service(service, methods);
  }
  const byPath = new Map<string, UniversalHandler>();
  for (const handler of router.handlers) {
    if (byPath.has(handler.requestPath)) {
      throw new Error(`${handler.requestPath} is implemented twice: every service may be in \`routes\` once`);
    }
    byPath.set(handler.requestPath, handler);
  }
  return byPath;
}

/**
 * Answers a call by Connect's own handlers.
 *
 * @param body what was read of the request already, in the place of its body
 */
export function answerUniversally(
  exchange: Exchange,
  handler: UniversalHandler,
  protocol: RpcProtocol,
  options: RpcOptions,
  body?: Uint8Array,
): Promise<void> {
  return runInCall(exchange.call, () => callMethod(exchange, handler, protocol, options, body));
}

async function callMethod(
  exchange: Exchange,
  handler: UniversalHandler,
  protocol: RpcProtocol,
  { deadlines, readMaxBytes }: RpcOptions,
  bodyRead: Uint8Array | undefined,
): Promise<void> {
  const { call } = exchange;
  call.method = handler.method;
  call.protocol = protocol;
  const header = new Headers(exchange.requestHeader);
  startDeadline(exchange, header, timeoutHeaderOf(protocol), handler.method.methodKind === "unary", deadlines);
  const request = {
    httpVersion: exchange.httpVersion,
    url: urlOf(exchange),
    method: exchange.method,
    header,
    body: bodyRead === undefined ? untilAborted(exchange.body, call.signal) : createAsyncIterable([bodyRead]),
    signal: call.signal,
  } satisfies StreamedRequest;
  const contentType = header.get("content-type") ?? "";
  const gather = protocol === "connect" && !isConnectStream(contentType) ? gatherBody : gatherEnvelopes;
  const encoding = header.get(encodingHeaderOf(protocol, contentType));
  const look = encoding === null ? undefined : (beginning: Uint8Array) => refuseBomb(encoding, beginning, readMaxBytes);
  const handle = (asked: StreamedRequest) =>
    handler({ ...asked, body: gather(asked.body, readMaxBytes, (bytes) => exchange.hold(bytes), look) });
  const response = isGrpcWebText(contentType) ? await throughBinary(request, handle) : await handle(request);
  const context = contexts.get(call);
  call.findAnsweredCode = () =>
    context === undefined ? codeOfStatus(response.status) : codeOfReason(context.signal.reason);
  const unreadable = context === undefined ? undefined : unreadableRequest(exchange, context, response);
  if (unreadable !== undefined) {
    call.answeredCode = unreadable.code;
    return exchange.respond(errorAnswer(protocol, contentType, unreadable));
  }
  const { body, trailer } = response;
  await exchange.respond({
    ...response,
    header: withAllowed(response, handler),
    body: protocol === "grpc" && body && trailer ? withPlainStatus(body, trailer) : body,
  });
}

/**
 * Why a unary request over Connect could not be read, where Connect answers that with 500: it does so for all but JSON,
 * though it is the caller's mistake.
 */
function unreadableRequest(
  { call }: Exchange,
  { signal }: HandlerContext,
  { status }: UniversalServerResponse,
): ConnectError | undefined {
  if (call.protocol !== "connect" || call.method?.methodKind !== "unary" || begun.has(call) || status !== 500) {
    return undefined;
  }
  const { reason } = signal;
  if (reason instanceof ConnectError && reason.code === Code.DeadlineExceeded) {
    return reason; // there was no time to read it
  }
  const message = reason instanceof ConnectError ? reason.rawMessage : "the request could not be read";
  return new ConnectError(message, Code.InvalidArgument, undefined, undefined, reason);
}

function codeOfStatus(status: number): Code | undefined {
  return status === 200 ? undefined : codeFromHttpStatus(status);
}

/** 405 and 415 say what is allowed (RFC 9110, 15.5.6 and 15.5.16). */
function withAllowed(response: UniversalServerResponse, handler: UniversalHandler): Headers {
  const header = response.header ?? new Headers();
  if (response.status === 405) {
    header.set("allow", handler.allowedMethods.join(", "));
  }
  if (response.status === 415) {
    const connect = handler.method.methodKind === "unary" ? "application/" : "application/connect+";
    header.set("accept-post", `${connect}json, ${connect}proto, application/grpc, application/grpc-web`);
  }
  return header;
}

/** Connect's own timer goes by the event loop's time, and may fire before ours: one deadline is the other. */
function expireWith(reason: unknown, call: ActiveCall): void {
  const isDeadline = codeOfReason(reason) === Code.DeadlineExceeded;
  if (isDeadline && call.timeLeftMs() !== undefined && call.answeredCode === undefined) {
    call.expire();
  }
}

/** Connect aborts a call's signal with the error that it answers with, and without an error when all went well. */
function codeOfReason(reason: unknown): Code | undefined {
  return reason instanceof ConnectError ? reason.code : undefined;
}

/**
 * Starts the deadline that the caller asked for, at most the service's maximum; a unary call without one gets the default.
 * The header is rewritten to what holds, for the handler's context and because Connect's timers end at 2^31 ms. A
 * malformed value is left for Connect to refuse.
 */
function startDeadline(
  { call }: Exchange,
  header: Headers,
  name: TimeoutHeader,
  isUnary: boolean,
  limits: DeadlineLimits,
): void {
  const asked = header.get(name);
  const askedMs = asked === null ? undefined : parseTimeoutMs(name, asked);
  const timeoutMs = asked !== null && askedMs === undefined ? undefined : boundedMs(askedMs, isUnary, limits);
  if (timeoutMs !== undefined) {
    header.set(name, formatTimeout(name, timeoutMs));
    call.startDeadline(timeoutMs);
  }
}

/** A body that breaks off when the signal aborts: Connect's handlers would wait for the rest of it whatever the deadline. */
async function* untilAborted(body: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncIterable<Uint8Array> {
  const iterator = body[Symbol.asyncIterator]();
  try {
    for (;;) {
      const { done, value } = await stepUntilAborted(iterator.next(), signal);
      if (done === true) {
        return;
      }
      yield value;
    }
  } finally {
    iterator.return?.()?.catch(() => undefined); // it may stand in a step that ends with the exchange, which tells why
  }
}

function stepUntilAborted<T>(step: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) {
      onAbort();
    }
    signal.addEventListener("abort", onAbort, { once: true });
    step.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
