import type { Message } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  trailerFlag,
  trailerParse,
  validateResponseWithCompression,
  validateTrailer,
} from "@connectrpc/connect/protocol-grpc-web";
import type { AnswerFields } from "../connections/http-request.ts";
import { headersOf } from "./answer-fields.ts";
import type { AnswerEnd, AnswerHead, EnvelopeProtocol, Kind } from "./call-protocol.ts";
import { missingMessage, readGrpcHead } from "./grpc-answer.ts";

// gRPC-Web (github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md): trailers stand in the last envelope of the body.

export const grpcWebAnswers: EnvelopeProtocol = {
  endFlag: trailerFlag,
  readHead: (_kind: Kind, status: number, fields: AnswerFields) =>
    readGrpcHead(status, fields, validateResponseWithCompression, isAny),
  streamEnd: (head) => new GrpcWebStreamEnd(head),
};

/** As Connect's transport, which does not look at it. */
const isAny = () => true;

class GrpcWebStreamEnd implements AnswerEnd {
  readonly trailer = new Headers();
  readonly #head: AnswerHead;
  #isEnded = false;

  constructor(head: AnswerHead) {
    this.#head = head;
  }

  onEndEnvelope(bytes: Uint8Array): void {
    const trailer = trailerParse(bytes);
    this.#refuseAnythingAfterStatus();
    if (this.#isEnded) {
      throw new ConnectError("protocol error: received extra trailer", Code.InvalidArgument);
    }
    this.#isEnded = true;
    validateTrailer(trailer, headersOf(this.#head.fields));
    trailer.forEach((value, name) => {
      this.trailer.set(name, value);
    });
  }

  onMessage(): void {
    this.#refuseAnythingAfterStatus();
    if (this.#isEnded) {
      throw new ConnectError("protocol error: received extra message after trailer", Code.InvalidArgument);
    }
  }

  onEnd(): void {
    if (!this.#isEnded && !this.#head.hasStatus) {
      throw new ConnectError("protocol error: missing trailer", Code.Internal);
    }
  }

  #refuseAnythingAfterStatus(): void {
    if (this.#head.hasStatus) {
      throw new ConnectError("protocol error: extra data for trailers-only", Code.InvalidArgument);
    }
  }
}

/**
 * The message of a unary call whose answer has come whole.
 *
 * @throws ConnectError what the trailers say, or what is wrong with the answer
 */
export function grpcWebUnaryMessage(
  head: AnswerHead,
  message: Message | undefined,
  trailer: Headers | undefined,
): Message {
  if (trailer === undefined) {
    const code = head.hasStatus ? Code.Unimplemented : Code.Unknown;
    throw head.error ?? new ConnectError("protocol error: missing trailer", code);
  }
  validateTrailer(trailer, headersOf(head.fields));
  if (message === undefined) {
    throw missingMessage(trailer.has("grpc-status"));
  }
  return message;
}
