import type { Message } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import { type Compression, mergeNonProtocolHeaders } from "@connectrpc/connect/protocol";
import { codeToHttpStatus, errorToJsonBytes, trailerMux } from "@connectrpc/connect/protocol-connect";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { trailerFlag, trailerSerialize } from "@connectrpc/connect/protocol-grpc-web";
import { FieldBlock, type Lines } from "../http2/index.ts";
import { COMPRESSED_FLAG, closeEnvelope, ENVELOPE_BYTES, envelope } from "./envelope.ts";
import type { Exchange } from "./exchange.ts";
import { encodeGrpcMessage } from "./grpc-message.ts";
import { changedHeaders } from "./lazy-headers.ts";
import { DEFAULT_COMPRESS_MIN_BYTES, type RpcOptions } from "./rpc-options.ts";
import type { UnaryPlan } from "./unary-plan.ts";

// The answers of unary calls, as each protocol writes them. Where nobody has touched headers and trailers, heads and
// trailers are constants; else they are put together by Connect's own functions.

const GRPC_OK = new FieldBlock([["grpc-status", "0"]]);
const WEB_OK = envelope(trailerFlag, Buffer.from("grpc-status: 0\r\n"));

/** What of an answer is settled before it is written. */
export interface AnswerParts {
  readonly exchange: Exchange;
  readonly plan: UnaryPlan;
  /** Lazy where nobody has touched them. */
  readonly header: Headers;
  readonly trailer: Headers;
  readonly options: Pick<RpcOptions, "compressMinBytes" | "jsonOptions">;
}

/**
 * Answers with a message. Promises where it has to be compressed.
 *
 * @throws ConnectError internal where it has no form on the wire; nothing is written then
 */
export function answerMessage(parts: AnswerParts, message: Message): Promise<void> | undefined {
  const { protocol, codec } = parts.plan;
  const headroom = protocol === "connect" ? 0 : ENVELOPE_BYTES;
  const bytes = codec.output.serialize(message, headroom);
  const compression = compressionFor(parts, bytes.length - headroom);
  if (compression === undefined) {
    WRITE[protocol](parts, headroom === 0 ? bytes : closeEnvelope(0, bytes), undefined);
    return undefined;
  }
  // What was serialized is never shared memory; its type does not say so.
  return compression.compress(bytes.subarray(headroom) as Uint8Array<ArrayBuffer>).then((compressed) => {
    WRITE[protocol](parts, headroom === 0 ? compressed : envelope(COMPRESSED_FLAG, compressed), compression);
  });
}

function compressionFor({ plan, options }: AnswerParts, length: number): Compression | undefined {
  const { compressMinBytes = DEFAULT_COMPRESS_MIN_BYTES } = options;
  return length >= compressMinBytes ? plan.responseCompression : undefined;
}

/** @param bytes in their envelope, where the protocol has such */
type Write = (parts: AnswerParts, bytes: Uint8Array, compression: Compression | undefined) => void;

const WRITE: Readonly<Record<UnaryPlan["protocol"], Write>> = {
  grpc({ exchange, plan, header, trailer }, bytes) {
    sendHead(exchange, plan, header);
    exchange.sendData(bytes, false);
    const trailers = changedHeaders(trailer);
    exchange.sendTrailers(trailers === undefined ? GRPC_OK : plainTrailers(trailers));
  },
  "grpc-web"(parts, bytes) {
    const { exchange, plan, header, trailer } = parts;
    sendHead(exchange, plan, header);
    const trailers = changedHeaders(trailer);
    if (trailers === undefined && compressionFor(parts, WEB_OK.length - ENVELOPE_BYTES) === undefined) {
      exchange.sendData(Buffer.concat([bytes, WEB_OK]), true);
    } else {
      exchange.sendData(bytes, false);
      sendWebTrailers(parts, trailers ?? trailer);
    }
  },
  connect({ exchange, plan, header, trailer }, bytes, compression) {
    const length: Lines = [["content-length", String(bytes.length)]];
    const headers = changedHeaders(header);
    const trailers = changedHeaders(trailer);
    if (headers === undefined && trailers === undefined && compression === undefined) {
      exchange.sendHead(plan.head, false, length);
    } else {
      sendConnectHead(exchange, 200, header, trailer, bytes.length, compression);
    }
    exchange.sendData(bytes, true);
  },
};

/** Answers with an error. Promises where that has to be compressed; they never reject. */
export function answerError(parts: AnswerParts, error: ConnectError): Promise<void> | undefined {
  return FAIL[parts.plan.protocol](parts, error);
}

const FAIL: Readonly<
  Record<UnaryPlan["protocol"], (parts: AnswerParts, error: ConnectError) => Promise<void> | undefined>
> = {
  grpc({ exchange, plan, header, trailer }, error) {
    sendHead(exchange, plan, header);
    const trailers = setTrailerStatus(new Headers(trailer), error);
    trailers.set("grpc-message", encodeGrpcMessage(error.rawMessage)); // Connect's own encodes more than callers decode
    exchange.sendTrailers(plainTrailers(trailers));
    return undefined;
  },
  "grpc-web"(parts, error) {
    sendHead(parts.exchange, parts.plan, parts.header);
    return sendWebTrailers(parts, setTrailerStatus(new Headers(parts.trailer), error));
  },
  connect(parts, error) {
    const { exchange, header, trailer, options } = parts;
    const headers = new Headers(header);
    headers.set("content-type", "application/json");
    if (!("isWireError" in error && error.isWireError === true)) {
      mergeNonProtocolHeaders(headers, error.metadata);
    }
    const body = errorToJsonBytes(error, options.jsonOptions);
    const write = (bytes: Uint8Array, compression: Compression | undefined) => {
      sendConnectHead(exchange, codeToHttpStatus(error.code), headers, trailer, bytes.length, compression);
      exchange.sendData(bytes, true);
    };
    const compression = compressionFor(parts, body.length);
    if (compression !== undefined) {
      return compression.compress(body).then((compressed) => write(compressed, compression));
    }
    write(body, undefined);
    return undefined;
  },
};

function sendHead(exchange: Exchange, plan: UnaryPlan, header: Headers): void {
  const changed = changedHeaders(header);
  exchange.sendHead(changed === undefined ? plan.head : [[":status", "200"], ...changed], false);
}

function sendConnectHead(
  exchange: Exchange,
  status: number,
  header: Headers,
  trailer: Headers,
  length: number,
  compression: Compression | undefined,
): void {
  const all = trailerMux(header, trailer);
  if (compression !== undefined) {
    all.set("content-encoding", compression.name);
  }
  all.set("content-length", String(length));
  exchange.sendHead([[":status", String(status)], ...all], false);
}

function sendWebTrailers(parts: AnswerParts, trailers: Headers): Promise<void> | undefined {
  const bytes = trailerSerialize(trailers);
  const compression = compressionFor(parts, bytes.length);
  if (compression === undefined) {
    parts.exchange.sendData(envelope(trailerFlag, bytes), true);
    return undefined;
  }
  return compression.compress(bytes).then((compressed) => {
    parts.exchange.sendData(envelope(trailerFlag | COMPRESSED_FLAG, compressed), true);
  });
}

function plainTrailers(trailers: Headers): Lines {
  return [...trailers];
}
