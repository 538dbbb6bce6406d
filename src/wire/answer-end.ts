import type { ConnectError } from "@connectrpc/connect";
import type { Compression } from "@connectrpc/connect/protocol";
import { createEndStreamSerialization, endStreamFlag } from "@connectrpc/connect/protocol-connect";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { trailerFlag, trailerSerialize } from "@connectrpc/connect/protocol-grpc-web";
import { FieldBlock } from "../http2/index.ts";
import type { CallPlan, ConstantFields } from "./call-plan.ts";
import { DEFAULT_COMPRESS_MIN_BYTES } from "./compression.ts";
import { ENVELOPE_BYTES, envelope, sealEnvelope } from "./envelope.ts";
import type { Exchange } from "./exchange.ts";
import { encodeGrpcMessage } from "./grpc-message.ts";
import { changedHeaders } from "./lazy-headers.ts";
import type { RpcOptions } from "./rpc-options.ts";

// How answers of messages in envelopes begin and end, as each protocol has it. Where nobody has touched headers and
// trailers they are constants; else they are put together by Connect's own functions.

/** What of an answer is settled before it is written. */
export interface AnswerParts {
  readonly exchange: Exchange;
  readonly plan: CallPlan;
  /** Lazy where nobody has touched them. */
  readonly header: Headers;
  readonly trailer: Headers;
  readonly options: Pick<RpcOptions, "compressMinBytes" | "jsonOptions">;
}

const GRPC_OK = new FieldBlock([["grpc-status", "0"]]);
const WEB_OK = envelope(trailerFlag, Buffer.from("grpc-status: 0\r\n"));

/** Writes the head of an answer with status 200. */
export function sendHead({ exchange, plan, header }: AnswerParts): void {
  const changed = changedHeaders(header);
  if (changed === undefined) {
    exchange.sendHead(plan.head, false);
    return;
  }
  keepFields(plan.responseHeader, changed); // an interceptor may have answered with headers of its own
  exchange.sendHead([[":status", "200"], ...changed], false);
}

/** Puts back what the protocol has to have there. */
export function keepFields({ fields }: ConstantFields, headers: Headers): void {
  for (const [name, value] of fields) {
    if (!headers.has(name)) {
      headers.set(name, value);
    }
  }
}

/** What a part of an answer is compressed by; undefined where it is too small, or may not be. */
export function compressionFor({ plan, options }: AnswerParts, length: number): Compression | undefined {
  const { compressMinBytes = DEFAULT_COMPRESS_MIN_BYTES } = options;
  return length >= compressMinBytes ? plan.responseCompression : undefined;
}

/**
 * Ends an answer whose head is out, in order or by an error. Promises where the end has to be compressed.
 *
 * @param last the last message in its envelope, which goes with it
 */
export function endAnswer(
  parts: AnswerParts,
  error: ConnectError | undefined,
  last?: Uint8Array,
): Promise<void> | undefined {
  const { exchange, plan } = parts;
  if (plan.protocol === "grpc") {
    if (last !== undefined) {
      exchange.sendData(last, false);
    }
    endGrpc(parts, error);
    return undefined;
  }
  const end = plan.protocol === "grpc-web" ? webEnd(parts, error) : connectEnd(parts, error);
  const [flags = 0] = end;
  const compression = compressionFor(parts, end.length - ENVELOPE_BYTES);
  const sealed = compression === undefined ? end : sealEnvelope(flags, end, compression);
  if (sealed instanceof Uint8Array) {
    exchange.sendData(last === undefined ? sealed : Buffer.concat([last, sealed]), true);
    return undefined;
  }
  if (last !== undefined) {
    exchange.sendData(last, false);
  }
  return sealed.then((compressed) => {
    exchange.sendData(compressed, true);
  });
}

function endGrpc({ exchange, plan, trailer }: AnswerParts, error: ConnectError | undefined): void {
  if (error === undefined) {
    const changed = changedHeaders(trailer);
    if (changed !== undefined) {
      keepFields(plan.responseTrailer, changed);
    }
    exchange.sendTrailers(changed === undefined ? GRPC_OK : [...changed]);
    return;
  }
  const trailers = setTrailerStatus(trailer, error);
  trailers.set("grpc-message", encodeGrpcMessage(error.rawMessage)); // Connect's own encodes more than callers decode
  exchange.sendTrailers([...trailers]);
}

/** gRPC-Web's trailers, in an envelope (grpc-web's PROTOCOL-WEB, "Message framing"). */
function webEnd({ plan, trailer }: AnswerParts, error: ConnectError | undefined): Uint8Array {
  const changed = changedHeaders(trailer);
  if (error === undefined && changed === undefined) {
    return WEB_OK;
  }
  if (changed !== undefined) {
    keepFields(plan.responseTrailer, changed);
  }
  const trailers = error === undefined ? trailer : setTrailerStatus(trailer, error);
  return envelope(trailerFlag, trailerSerialize(trailers));
}

/** The end of a stream over Connect (its protocol, "EndStreamResponse"). */
function connectEnd({ trailer, options }: AnswerParts, error: ConnectError | undefined): Uint8Array {
  const end = error === undefined ? { metadata: trailer } : { metadata: trailer, error };
  return envelope(endStreamFlag, createEndStreamSerialization(options.jsonOptions).serialize(end));
}
