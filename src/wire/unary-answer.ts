import type { Message } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import { type Compression, mergeNonProtocolHeaders } from "@connectrpc/connect/protocol";
import { codeToHttpStatus, errorToJsonBytes, trailerMux } from "@connectrpc/connect/protocol-connect";
import type { Lines } from "../http2/index.ts";
import { type AnswerParts, compressionFor, endAnswer, keepFields, sendHead } from "./answer-end.ts";
import { ENVELOPE_BYTES, sealEnvelope } from "./envelope.ts";
import { changedHeaders } from "./lazy-headers.ts";

/**
 * Answers with a message. Promises where something has to be compressed.
 *
 * @throws ConnectError internal where it has no form on the wire; nothing is written then
 */
export function answerMessage(parts: AnswerParts, message: Message): Promise<void> | undefined {
  const { isEnveloped, codec } = parts.plan;
  if (isEnveloped) {
    const bytes = codec.output.serialize(message, ENVELOPE_BYTES);
    const sealed = sealEnvelope(0, bytes, compressionFor(parts, bytes.length - ENVELOPE_BYTES));
    return sealed instanceof Uint8Array
      ? answerEnvelope(parts, sealed)
      : sealed.then((compressed) => answerEnvelope(parts, compressed));
  }
  const bytes = codec.output.serialize(message);
  const compression = compressionFor(parts, bytes.length);
  if (compression === undefined) {
    return answerConnect(parts, bytes, undefined);
  }
  return compression
    .compress(bytes as Uint8Array<ArrayBuffer>) // what was serialized is never shared memory
    .then((compressed) => answerConnect(parts, compressed, compression));
}

function answerEnvelope(parts: AnswerParts, enveloped: Uint8Array): Promise<void> | undefined {
  sendHead(parts);
  return endAnswer(parts, undefined, enveloped);
}

function answerConnect(parts: AnswerParts, bytes: Uint8Array, compression: Compression | undefined): undefined {
  const { exchange, plan, header, trailer } = parts;
  const changed = changedHeaders(header);
  if (changed !== undefined) {
    keepFields(plan.responseHeader, changed); // an interceptor may have answered with headers of its own
  }
  const isUntouched = changed === undefined && changedHeaders(trailer) === undefined;
  if (isUntouched && compression === undefined) {
    const length: Lines = [["content-length", String(bytes.length)]];
    exchange.sendHead(plan.head, false, length);
  } else {
    sendConnectHead(parts, 200, header, bytes.length, compression);
  }
  exchange.sendData(bytes, true);
}

/** Answers with an error. Promises where that has to be compressed. */
export function answerError(parts: AnswerParts, error: ConnectError): Promise<void> | undefined {
  if (parts.plan.isEnveloped) {
    sendHead(parts);
    return endAnswer(parts, error);
  }
  const { header } = parts;
  header.set("content-type", "application/json");
  // Of an error that was read from a wire, only its own words are passed on, as Connect does.
  if (!("isWireError" in error && error.isWireError === true)) {
    mergeNonProtocolHeaders(header, error.metadata);
  }
  const body = errorToJsonBytes(error, parts.options.jsonOptions);
  const write = (bytes: Uint8Array, compression: Compression | undefined) => {
    sendConnectHead(parts, codeToHttpStatus(error.code), header, bytes.length, compression);
    parts.exchange.sendData(bytes, true);
  };
  const compression = compressionFor(parts, body.length);
  if (compression !== undefined) {
    return compression.compress(body).then((compressed) => write(compressed, compression));
  }
  write(body, undefined);
  return undefined;
}

/** A unary answer over Connect has its trailers in the head. */
function sendConnectHead(
  { exchange, trailer }: AnswerParts,
  status: number,
  header: Headers,
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
