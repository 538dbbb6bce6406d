import { readFileSync } from "node:fs";
import { createFileRegistry, type DescMessage, fromBinary, type Message, type Registry } from "@bufbuild/protobuf";
import type { GenMessage, GenService } from "@bufbuild/protobuf/codegenv2";
import { type Any, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

// The suite's schema (connectrpc.conformance.v1), as far as server and client under test read it. It is no copy of ours:
// descriptors are read from what `obtain.ts` builds, and these are the types that generated code would have.

const PACKAGE = "connectrpc.conformance.v1";

type Named<Name extends string, Fields> = Message<`${typeof PACKAGE}.${Name}`> & Fields;

export type Header = Named<"Header", { name: string; value: string[] }>;
export type ErrorMessage = Named<"Error", { code: number; message?: string; details: Any[] }>;
export type RequestInfo = Named<
  "ConformancePayload.RequestInfo",
  { requestHeaders: Header[]; timeoutMs?: bigint; requests: Any[]; connectGetInfo?: ConnectGetInfo }
>;
type ConnectGetInfo = Named<"ConformancePayload.ConnectGetInfo", { queryParams: Header[] }>;
export type Payload = Named<"ConformancePayload", { data: Uint8Array; requestInfo?: RequestInfo }>;

export type UnaryDefinition = Named<
  "UnaryResponseDefinition",
  {
    responseHeaders: Header[];
    responseTrailers: Header[];
    responseDelayMs: number;
    response:
      | { case: "responseData"; value: Uint8Array }
      | { case: "error"; value: ErrorMessage }
      | { case: undefined; value?: undefined };
  }
>;
export type StreamDefinition = Named<
  "StreamResponseDefinition",
  {
    responseHeaders: Header[];
    responseTrailers: Header[];
    responseDelayMs: number;
    responseData: Uint8Array[];
    error?: ErrorMessage;
  }
>;
type Answer<Name extends string> = Named<Name, { payload?: Payload }>;
type Question<Name extends string, Definition> = Named<Name, { responseDefinition?: Definition }>;
export type ClientStreamRequest = Question<"ClientStreamRequest", UnaryDefinition>;
type BidiStreamRequest = Named<"BidiStreamRequest", { responseDefinition?: StreamDefinition; fullDuplex: boolean }>;

interface Method<Kind extends string, Input extends Message, Output extends Message> {
  methodKind: Kind;
  input: GenMessage<Input>;
  output: GenMessage<Output>;
}

export type ConformanceService = GenService<{
  unary: Method<"unary", Question<"UnaryRequest", UnaryDefinition>, Answer<"UnaryResponse">>;
  idempotentUnary: Method<
    "unary",
    Question<"IdempotentUnaryRequest", UnaryDefinition>,
    Answer<"IdempotentUnaryResponse">
  >;
  clientStream: Method<"client_streaming", ClientStreamRequest, Answer<"ClientStreamResponse">>;
  serverStream: Method<
    "server_streaming",
    Question<"ServerStreamRequest", StreamDefinition>,
    Answer<"ServerStreamResponse">
  >;
  bidiStream: Method<"bidi_streaming", BidiStreamRequest, Answer<"BidiStreamResponse">>;
  unimplemented: Method<"unary", Named<"UnimplementedRequest", object>, Named<"UnimplementedResponse", object>>;
}>;

export type ServerCompatRequest = Named<
  "ServerCompatRequest",
  { useTls: boolean; clientTlsCert: Uint8Array; messageReceiveLimit: number; serverCreds?: Credentials }
>;
export type ServerCompatResponse = Named<"ServerCompatResponse", { host: string; port: number; pemCert: Uint8Array }>;
type Credentials = Named<"TLSCreds", { cert: Uint8Array; key: Uint8Array }>;

/** The enumerations' numbers, as our options name them. */
export const HTTP_VERSIONS = { 1: "1.1", 2: "2" } as const;
export const PROTOCOLS = { 1: "connect", 2: "grpc", 3: "grpc-web" } as const;
export const FORMATS = { 1: "binary", 2: "json" } as const;
export const COMPRESSIONS = { 1: undefined, 2: "gzip", 3: "br" } as const;
export const FULL_DUPLEX = 5;

export type ClientCompatRequest = Named<
  "ClientCompatRequest",
  {
    testName: string;
    httpVersion: number;
    protocol: number;
    codec: number;
    compression: number;
    host: string;
    port: number;
    serverTlsCert: Uint8Array;
    clientTlsCreds?: Credentials;
    messageReceiveLimit: number;
    service?: string;
    method?: string;
    streamType: number;
    useGetHttpMethod: boolean;
    requestHeaders: Header[];
    requestMessages: Any[];
    timeoutMs?: number;
    requestDelayMs: number;
    cancel?: Named<"ClientCompatRequest.Cancel", { cancelTiming: CancelTiming }>;
  }
>;
type CancelTiming =
  | { case: "beforeCloseSend"; value: Message }
  | { case: "afterCloseSendMs" | "afterNumResponses"; value: number }
  | { case: undefined; value?: undefined };
export type ClientResult = Named<
  "ClientResponseResult",
  {
    responseHeaders: Header[];
    payloads: Payload[];
    error?: ErrorMessage;
    responseTrailers: Header[];
    numUnsentRequests: number;
  }
>;
export type ClientCompatResponse = Named<
  "ClientCompatResponse",
  {
    testName: string;
    result:
      | { case: "response"; value: ClientResult }
      | { case: "error"; value: Named<"ClientErrorResult", { message: string }> };
  }
>;

export interface Schema {
  /** Everything, for messages in `Any`. */
  readonly registry: Registry;
  readonly service: ConformanceService;
  /** The message with that name in the suite's package. */
  message<M extends Message>(name: NameOf<M>): GenMessage<M>;
}

type NameOf<M extends Message> = M["$typeName"] extends `${typeof PACKAGE}.${infer Name}` ? Name : never;

/** Reads the schema from a binary `FileDescriptorSet`. Throws where it is not the suite's. */
export function loadSchema(file: string): Schema {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(file)));
  const service = registry.getService(`${PACKAGE}.ConformanceService`);
  if (service === undefined) {
    throw new Error(`${file} has no ${PACKAGE}.ConformanceService`);
  }
  return {
    registry,
    // The types above are the schema's, and the compiler cannot read it; a wrong one fails with the first message.
    service: service as unknown as ConformanceService,
    message<M extends Message>(name: string) {
      const message: DescMessage | undefined = registry.getMessage(`${PACKAGE}.${name}`);
      if (message === undefined) {
        throw new Error(`${file} has no ${PACKAGE}.${name}`);
      }
      return message as GenMessage<M>;
    },
  };
}
