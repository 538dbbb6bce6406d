import type { ConnectError } from "@connectrpc/connect";
import { encodeEnvelope } from "@connectrpc/connect/protocol";
import {
  codeToHttpStatus,
  endStreamFlag,
  endStreamToJson,
  errorToJsonBytes,
} from "@connectrpc/connect/protocol-connect";
import { isConnectQuery } from "../call/connect-query.ts";
import { TIMEOUT_HEADER, type TimeoutHeader } from "../call/deadline.ts";
import type { Exchange, ExchangeAnswer } from "./exchange.ts";
import { encodeGrpcMessage } from "./grpc-message.ts";

/** The protocols by which a method can be called. */
export type RpcProtocol = "grpc" | "grpc-web" | "connect";

const GRPC = /^application\/grpc(?:$|[+;])/i;
const GRPC_WEB = /^application\/grpc-web(?:$|[-+;])/i;
const CONNECT_ONLY = /^application\/(?:proto|connect\+\w+)(?:$|;)/i;
const CONNECT_STREAM = /^application\/connect\+/i;
const JSON_TYPE = /^application\/json(?:$|;)/i;
/** `/package.Service/Method`; a web application hardly has such a path. */
const METHOD_PATH = /^\/[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+\/[A-Za-z_]\w*$/;

/**
 * The protocol that a request speaks by its own word, whether or not its method exists. `application/json` belongs to REST
 * as well: it counts as Connect only with Connect's version header or a path of a method's form. A GET is Connect's where
 * its query says so.
 */
export function rpcProtocol(exchange: Exchange): RpcProtocol | undefined {
  const contentType = exchange.field("content-type") ?? "";
  if (GRPC_WEB.test(contentType)) {
    return "grpc-web";
  }
  if (GRPC.test(contentType)) {
    return "grpc";
  }
  if (CONNECT_ONLY.test(contentType)) {
    return "connect";
  }
  if (JSON_TYPE.test(contentType)) {
    return exchange.field("connect-protocol-version") !== undefined || METHOD_PATH.test(exchange.path)
      ? "connect"
      : undefined;
  }
  return exchange.method === "GET" && isConnectQuery(exchange.query) ? "connect" : undefined;
}

/** Whether the content type is that of Connect's streams, whose messages are in envelopes. */
export function isConnectStream(contentType: string): boolean {
  return CONNECT_STREAM.test(contentType);
}

/** The header in which a protocol says how messages are compressed. */
export function encodingHeaderOf(protocol: RpcProtocol, contentType: string): string {
  if (protocol !== "connect") {
    return "grpc-encoding";
  }
  return isConnectStream(contentType) ? "connect-content-encoding" : "content-encoding";
}

/** The header in which a protocol carries the time-out. */
export function timeoutHeaderOf(protocol: RpcProtocol): TimeoutHeader {
  return protocol === "connect" ? TIMEOUT_HEADER.connect : TIMEOUT_HEADER.grpc;
}

/** An error as an answer of the protocol: for calls that no method's handler sees. */
export function errorAnswer(protocol: RpcProtocol, contentType: string, error: ConnectError): ExchangeAnswer {
  if (protocol === "connect" && isConnectStream(contentType)) {
    // A stream's error is its end: its status is 200 always (Connect protocol, "Error-End-Stream").
    const end = Buffer.from(JSON.stringify(endStreamToJson(new Headers(), error, undefined)));
    return {
      status: 200,
      header: new Headers({ "content-type": contentType }),
      body: encodeEnvelope(endStreamFlag, end),
    };
  }
  if (protocol === "connect") {
    return {
      status: codeToHttpStatus(error.code),
      header: new Headers({ "content-type": "application/json" }),
      body: errorToJsonBytes(error, undefined),
    };
  }
  // Trailers-Only (gRPC over HTTP/2, "Responses"): the status is in the one header block; gRPC-Web takes it there too.
  return {
    status: 200,
    header: new Headers({
      "content-type": contentType,
      "grpc-status": String(error.code),
      "grpc-message": encodeGrpcMessage(error.rawMessage),
    }),
  };
}
