import { createRegistry } from "@bufbuild/protobuf";
import { Code, ConnectError, createConnectRouter, type HandlerContext, type Interceptor } from "@connectrpc/connect";
import type { UniversalHandler, UniversalServerResponse } from "@connectrpc/connect/protocol";
import { codeFromHttpStatus } from "@connectrpc/connect/protocol-connect";
import { callInProgress } from "../call/current.ts";
import { type DeadlineLimits, formatTimeout, parseTimeoutMs, type TimeoutHeader } from "../call/deadline.ts";
import { withImports } from "../call/schema-files.ts";
import { brotli, gzip, refuseBomb } from "./compression.ts";
import type { Exchange, Handler } from "./exchange.ts";
import { gatherBody, gatherEnvelopes } from "./gather.ts";
import { withPlainStatus } from "./grpc-message.ts";
import { isGrpcWebText, type StreamedRequest, throughBinary } from "./grpc-web-text.ts";
import type { Implementation } from "./implement.ts";
import {
  encodingHeaderOf,
  errorAnswer,
  isConnectStream,
  type RpcProtocol,
  rpcProtocol,
  timeoutHeaderOf,
} from "./protocol.ts";

export interface RpcOptions {
  readonly implementations: readonly Implementation[];
  /** Applied to every call, the first outermost. */
  readonly interceptors: readonly Interceptor[];
  readonly deadlines: DeadlineLimits;
  /** The largest message taken, in bytes, before and after decompression. */
  readonly readMaxBytes: number;
}

/**
 * Answers every request that is an RPC, over gRPC, gRPC-Web and Connect, by Connect's universal handlers; leaves the rest.
 *
 * @throws Error where two implementations answer the same path.
 */
export function rpcHandler(options: RpcOptions): Handler {
  const methods = universalHandlers(options);
  return (exchange) => {
    const method = methods.get(exchange.path);
    const protocol = rpcProtocol(exchange);
    if (method !== undefined) {
      return callMethod(exchange, method, protocol ?? "connect", options);
    }
    return protocol === undefined ? undefined : answerUnknownMethod(exchange, protocol);
  };
}

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

function universalHandlers(options: RpcOptions): ReadonlyMap<string, UniversalHandler> {
  const router = createConnectRouter({
    interceptors: [markBegun, ...options.interceptors],
    acceptCompression: [gzip, brotli],
    readMaxBytes: options.readMaxBytes,
    // An Any in JSON may hold whatever the schema declares or imports.
    jsonOptions: {
      registry: createRegistry(...withImports(options.implementations.map(({ service }) => service.file))),
    },
    // The one place where Connect shows the context of a call before it reads the body, and also of one that it refuses.
    requestGate(context) {
      const call = callInProgress();
      if (call !== undefined) {
        contexts.set(call, context);
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

async function callMethod(
  exchange: Exchange,
  handler: UniversalHandler,
  protocol: RpcProtocol,
  { deadlines, readMaxBytes }: RpcOptions,
): Promise<void> {
  const { call } = exchange;
  call.method = handler.method;
  call.protocol = protocol;
  const header = new Headers(exchange.requestHeader);
  startDeadline(exchange, header, timeoutHeaderOf(protocol), handler.method.methodKind === "unary", deadlines);
  const request = {
    httpVersion: exchange.httpVersion,
    url: `${exchange.scheme}://${exchange.authority}${exchange.path}${exchange.query === "" ? "" : `?${exchange.query}`}`,
    method: exchange.method,
    header,
    body: exchange.body,
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
  unary: boolean,
  { defaultMs, maxMs }: DeadlineLimits,
): void {
  const asked = header.get(name);
  const askedMs = asked === null ? (unary ? defaultMs : undefined) : parseTimeoutMs(name, asked);
  if (askedMs === undefined) {
    return;
  }
  const timeoutMs = Math.min(askedMs, maxMs);
  header.set(name, formatTimeout(name, timeoutMs));
  call.startDeadline(timeoutMs);
}

const MAX_SHOWN_PATH = 200;

function answerUnknownMethod(exchange: Exchange, protocol: RpcProtocol): Promise<void> {
  exchange.call.protocol = protocol;
  exchange.call.answeredCode = Code.Unimplemented;
  // The path is the caller's, and may be as long as a header list; the message travels in one.
  const path = exchange.path.length > MAX_SHOWN_PATH ? `${exchange.path.slice(0, MAX_SHOWN_PATH)}…` : exchange.path;
  const error = new ConnectError(`${path} is no method of this service`, Code.Unimplemented);
  return exchange.respond(errorAnswer(protocol, exchange.requestHeader.get("content-type") ?? "", error));
}
