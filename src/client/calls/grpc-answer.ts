import type { Message } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { parseContentType, validateResponseWithCompression, validateTrailer } from "@connectrpc/connect/protocol-grpc";
import { COMPRESSIONS, compressionOf } from "../../wire/compression.ts";
import type { AnswerFields } from "../connections/http-request.ts";
import { fieldOf, headersOf } from "./answer-fields.ts";
import type { AnswerEnd, AnswerHead, EnvelopeProtocol, Kind } from "./call-protocol.ts";

// gRPC over HTTP/2 (github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, "Responses"). What is as it nearly always is,
// is read from the fields; for all else Connect's own functions are asked.

export const grpcAnswers: EnvelopeProtocol = {
  endFlag: 0,
  readHead: (_kind: Kind, status: number, fields: AnswerFields) =>
    readGrpcHead(status, fields, validateResponseWithCompression, isGrpc),
  streamEnd: (head, trailers) => new GrpcStreamEnd(head, trailers),
};

type Validated = Partial<ReturnType<typeof validateResponseWithCompression>> & { readonly foundStatus: boolean };

/**
 * Reads the head of an answer by gRPC or gRPC-Web.
 *
 * @param validate Connect's own, for all but the usual
 * @param isOfProtocol whether a content type may be the protocol's
 */
export function readGrpcHead(
  status: number,
  fields: AnswerFields,
  validate: (...parameters: Parameters<typeof validateResponseWithCompression>) => Validated,
  isOfProtocol: (contentType: string | undefined) => boolean,
): AnswerHead {
  const encoding = fieldOf(fields, "grpc-encoding");
  const compression = compressionOf(encoding);
  const isPlain =
    (encoding === undefined || compression !== undefined) &&
    status === 200 &&
    fieldOf(fields, "grpc-status") === undefined &&
    fieldOf(fields, "grpc-status-details-bin") === undefined &&
    isOfProtocol(fieldOf(fields, "content-type"));
  if (isPlain) {
    return { fields, compression, hasStatus: false, error: undefined };
  }
  const read = validate(COMPRESSIONS, status, headersOf(fields));
  return { fields, compression: read.compression, hasStatus: read.foundStatus, error: read.headerError };
}

function isGrpc(contentType: string | undefined): boolean {
  return contentType === "application/grpc+proto" || parseContentType(contentType ?? null) !== undefined;
}

class GrpcStreamEnd implements AnswerEnd {
  readonly trailer = new Headers();
  readonly #head: AnswerHead;
  readonly #trailers: () => AnswerFields;

  constructor(head: AnswerHead, trailers: () => AnswerFields) {
    this.#head = head;
    this.#trailers = trailers;
  }

  onEndEnvelope(): void {
    // gRPC has none
  }

  onMessage(): void {
    // may come until the end
  }

  onEnd(): void {
    const trailers = this.#trailers();
    for (const { name, value } of trailers) {
      this.trailer.append(name, value);
    }
    if (!this.#head.hasStatus && !isOk(trailers)) {
      validateTrailer(this.trailer, headersOf(this.#head.fields));
    }
  }
}

/** Whether trailers say that all went well, in the usual way. */
function isOk(trailers: AnswerFields): boolean {
  return fieldOf(trailers, "grpc-status") === "0" && fieldOf(trailers, "grpc-status-details-bin") === undefined;
}

/**
 * The message of a unary call whose answer has come whole.
 *
 * @throws ConnectError what the trailers say, or what is wrong with the answer
 */
export function grpcUnaryMessage(head: AnswerHead, message: Message | undefined, trailers: AnswerFields): Message {
  if (!isOk(trailers)) {
    validateTrailer(headersOf(trailers), headersOf(head.fields));
  }
  if (message === undefined) {
    const isEndedByTrailers = fieldOf(trailers, "grpc-status") !== undefined;
    throw head.error ?? missingMessage(isEndedByTrailers);
  }
  if (head.error !== undefined) {
    throw new ConnectError("protocol error: received output message for unary method with error status", Code.Unknown);
  }
  return message;
}

export function missingMessage(hasStatus: boolean): ConnectError {
  const code = hasStatus ? Code.Unimplemented : Code.Unknown;
  return new ConnectError("protocol error: missing output message for unary method", code);
}
