import type { DescMethod } from "@bufbuild/protobuf";
import type { Interceptor, MethodImplSpec } from "@connectrpc/connect";
import type { Compression, UniversalHandler } from "@connectrpc/connect/protocol";
import { compressionNegotiate } from "@connectrpc/connect/protocol";
import { parseTimeoutMs, type TimeoutHeader } from "../call/deadline.ts";
import { FieldBlock, type Lines } from "../http2/index.ts";
import type { Codec } from "./codec.ts";
import { type BoundedCompression, COMPRESSIONS, compressionOf } from "./compression.ts";
import { type Exchange, urlOf } from "./exchange.ts";
import type { HeaderSource } from "./lazy-headers.ts";
import { isConnectStream, type RpcProtocol, timeoutHeaderOf } from "./protocol.ts";

/** A method that can be called: all that does not change from call to call. */
export interface RpcMethod {
  readonly descriptor: DescMethod;
  /** As logs have it: `package.Service/Method`. */
  readonly name: string;
  readonly spec: MethodImplSpec;
  readonly interceptors: readonly Interceptor[];
  readonly binary: { readonly input: Codec; readonly output: Codec };
  readonly json: { readonly input: Codec; readonly output: Codec };
  readonly universal: UniversalHandler;
  /** What its callers' heads have asked for so far. */
  readonly plans: CallPlan[];
}

/** All that a call's answer takes from its head, but for what differs from call to call. */
export interface CallPlan {
  /** The fields of the head that it follows from. */
  readonly asked: {
    readonly contentType: string;
    readonly encoding: string | undefined;
    readonly accepted: string | undefined;
  };
  readonly method: RpcMethod;
  readonly protocol: RpcProtocol;
  /** Messages are in envelopes. */
  readonly isEnveloped: boolean;
  readonly codec: { readonly input: Codec; readonly output: Codec };
  readonly requestCompression: BoundedCompression | undefined;
  readonly responseCompression: Compression | undefined;
  readonly timeoutHeader: TimeoutHeader;
  /** The head of an answer whose headers nobody has touched. */
  readonly head: FieldBlock;
  /** The same, as handlers see it; and the trailers. */
  readonly responseHeader: ConstantFields;
  readonly responseTrailer: ConstantFields;
}

/** Fields that all answers of a plan have. */
export interface ConstantFields extends HeaderSource {
  readonly fields: Lines;
}

/** A call that the lean path takes. */
export interface PlannedCall {
  readonly plan: CallPlan;
  readonly url: string;
  /** What the caller asks for, in milliseconds. */
  readonly timeoutMs: number | undefined;
}

/** Content types in the forms that clients send, and what is answered; all others are left to Connect's handlers. */
const CONTENT_TYPES: ReadonlyMap<string, readonly [RpcProtocol, isBinary: boolean, answer: string]> = new Map([
  ["application/grpc", ["grpc", true, "application/grpc+proto"]],
  ["application/grpc+proto", ["grpc", true, "application/grpc+proto"]],
  ["application/grpc+json", ["grpc", false, "application/grpc+json"]],
  ["application/grpc-web", ["grpc-web", true, "application/grpc-web+proto"]],
  ["application/grpc-web+proto", ["grpc-web", true, "application/grpc-web+proto"]],
  ["application/grpc-web+json", ["grpc-web", false, "application/grpc-web+json"]],
  ["application/proto", ["connect", true, "application/proto"]],
  ["application/json", ["connect", false, "application/json"]],
  ["application/json; charset=utf-8", ["connect", false, "application/json"]],
  ["application/json;charset=utf-8", ["connect", false, "application/json"]],
  ["application/json;charset=UTF-8", ["connect", false, "application/json"]],
  ["application/connect+proto", ["connect", true, "application/connect+proto"]],
  ["application/connect+json", ["connect", false, "application/connect+json"]],
]);

/** The headers in which a protocol says how messages are compressed, and how those of the answer may be. */
const ENCODING_HEADERS = {
  grpc: ["grpc-encoding", "grpc-accept-encoding"],
  connectUnary: ["content-encoding", "accept-encoding"],
  connectStream: ["connect-content-encoding", "connect-accept-encoding"],
} as const;
/** Plans that a method remembers: what a head says of encodings comes in few forms, unless somebody plays with it. */
const MAX_PLANS = 16;

/** What a request's head asks for; undefined where the lean path leaves it to Connect's handlers. */
export function planCall(exchange: Exchange, method: RpcMethod): PlannedCall | undefined {
  const contentType = exchange.field("content-type");
  const type = CONTENT_TYPES.get(contentType ?? "");
  if (contentType === undefined || type === undefined || exchange.method !== "POST") {
    return undefined;
  }
  const { methodKind } = method.descriptor;
  if (methodKind === "bidi_streaming" && exchange.httpVersion !== "2.0") {
    return undefined;
  }
  const [protocol] = type;
  if (protocol === "connect" && isConnectStream(contentType) !== (methodKind !== "unary")) {
    return undefined;
  }
  const timeoutHeader = timeoutHeaderOf(protocol);
  const asked = exchange.field(timeoutHeader);
  const timeoutMs = asked === undefined ? undefined : parseTimeoutMs(timeoutHeader, asked);
  const plan = planOf(exchange, method, contentType, type);
  if (plan === undefined || (asked !== undefined && timeoutMs === undefined)) {
    return undefined;
  }
  return { plan, url: urlOf(exchange), timeoutMs };
}

function planOf(
  exchange: Exchange,
  method: RpcMethod,
  contentType: string,
  [protocol, isBinary, answerType]: readonly [RpcProtocol, boolean, string],
): CallPlan | undefined {
  const isConnectUnary = protocol === "connect" && !isConnectStream(contentType);
  const headers = ENCODING_HEADERS[isConnectUnary ? "connectUnary" : protocol === "connect" ? "connectStream" : "grpc"];
  const [encodingHeader, acceptHeader] = headers;
  const encoding = exchange.field(encodingHeader);
  const accepted = exchange.field(acceptHeader);
  const asked = { contentType, encoding, accepted };
  const known = method.plans;
  const present = known.find((plan) => isFor(plan, asked));
  if (present !== undefined) {
    return present;
  }
  const { request, response, error } = compressionNegotiate(
    COMPRESSIONS,
    encoding ?? null,
    accepted ?? null,
    acceptHeader,
  );
  if (error !== undefined || encoding === "") {
    return undefined;
  }
  const fields: (readonly [string, string])[] = [["content-type", answerType]];
  if (response !== null && !isConnectUnary) {
    fields.push([encodingHeader, response.name]); // a unary answer over Connect has it only if it is compressed
  }
  const plan: CallPlan = {
    asked,
    method,
    protocol,
    isEnveloped: !isConnectUnary,
    codec: isBinary ? method.binary : method.json,
    requestCompression: compressionOf(request?.name),
    responseCompression: response ?? undefined,
    timeoutHeader: timeoutHeaderOf(protocol),
    head: new FieldBlock([[":status", "200"], ...fields]),
    responseHeader: constantSource(fields),
    responseTrailer: constantSource(protocol === "connect" ? [] : [["grpc-status", "0"]]),
  };
  if (known.length >= MAX_PLANS) {
    known.length = 0;
  }
  known.push(plan);
  return plan;
}

function isFor({ asked }: CallPlan, { contentType, encoding, accepted }: CallPlan["asked"]): boolean {
  return asked.contentType === contentType && asked.encoding === encoding && asked.accepted === accepted;
}

function constantSource(fields: Lines): ConstantFields {
  return {
    fields,
    field: (name) => fields.find(([known]) => known === name)?.[1],
    toHeaders: () => new Headers(fields.map(([name, value]): [string, string] => [name, value])),
  };
}
