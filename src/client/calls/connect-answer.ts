import { Code, ConnectError } from "@connectrpc/connect";
import {
  endStreamFlag,
  endStreamFromJson,
  validateResponseWithCompression,
} from "@connectrpc/connect/protocol-connect";
import { COMPRESSIONS, compressionOf } from "../../wire/compression.ts";
import type { AnswerField, AnswerFields } from "../connections/http-request.ts";
import { fieldOf, headersOf } from "./answer-fields.ts";
import { brokenAnswer } from "./broken-answer.ts";
import type { AnswerEnd, AnswerHead, EnvelopeProtocol, Kind } from "./call-protocol.ts";

// Connect (connectrpc.com/docs/protocol).

/** The head of a unary answer, as far as it is right. */
export interface ConnectUnaryHead {
  readonly compression: AnswerHead["compression"];
  /** The body holds an error, and this is it where it cannot be read. */
  readonly error: ConnectError | undefined;
}

const PLAIN: ConnectUnaryHead = { compression: undefined, error: undefined };

/** @throws ConnectError where the answer cannot be read */
export function readConnectUnaryHead(isBinary: boolean, status: number, fields: AnswerFields): ConnectUnaryHead {
  const encoding = fieldOf(fields, "content-encoding");
  const compression = compressionOf(encoding);
  const isPlain =
    status === 200 &&
    fieldOf(fields, "content-type") === (isBinary ? "application/proto" : "application/json") &&
    (encoding === undefined || compression !== undefined);
  if (isPlain) {
    return compression === undefined ? PLAIN : { compression, error: undefined };
  }
  const header = headersOf(fields);
  const read = validateResponseWithCompression("unary", COMPRESSIONS, isBinary, status, header);
  return { compression: read.compression, error: read.isUnaryError ? read.unaryError : undefined };
}

const TRAILER_PREFIX = "trailer-";

/** The header of a unary answer without the trailers that it carries ("Unary-Response"), and those. */
export function withoutTrailers(fields: AnswerFields): {
  readonly header: AnswerFields;
  readonly trailer: AnswerFields;
} {
  if (!fields.some(({ name }) => name.startsWith(TRAILER_PREFIX))) {
    return { header: fields, trailer: [] };
  }
  const header: AnswerField[] = [];
  const trailer: AnswerField[] = [];
  for (const field of fields) {
    const { name, value } = field;
    if (name.startsWith(TRAILER_PREFIX)) {
      trailer.push({ name: name.slice(TRAILER_PREFIX.length), value });
    } else {
      header.push(field);
    }
  }
  return { header, trailer };
}

/** The answers of streams. */
export function connectAnswers(isBinary: boolean): EnvelopeProtocol {
  return {
    endFlag: endStreamFlag,
    readHead(kind: Kind, status: number, fields: AnswerFields): AnswerHead {
      const header = headersOf(fields);
      const { compression } = validateResponseWithCompression(kind, COMPRESSIONS, isBinary, status, header);
      return { fields, compression, hasStatus: false, error: undefined };
    },
    streamEnd: (head) => new ConnectStreamEnd(head),
  };
}

class ConnectStreamEnd implements AnswerEnd {
  readonly trailer = new Headers();
  readonly #head: AnswerHead;
  #isEnded = false;

  constructor(head: AnswerHead) {
    this.#head = head;
  }

  onEndEnvelope(bytes: Uint8Array): void {
    const { error, metadata } = readEndStream(bytes);
    if (this.#isEnded) {
      throw new ConnectError("protocol error: received extra EndStreamResponse", Code.InvalidArgument);
    }
    this.#isEnded = true;
    if (error !== undefined) {
      for (const [name, value] of headersOf(this.#head.fields)) {
        error.metadata.append(name, value);
      }
      throw error;
    }
    metadata.forEach((value, name) => {
      this.trailer.set(name, value);
    });
  }

  onMessage(): void {
    if (this.#isEnded) {
      throw new ConnectError("protocol error: received extra message after EndStreamResponse", Code.InvalidArgument);
    }
  }

  onEnd(): void {
    if (!this.#isEnded) {
      throw brokenAnswer("missing EndStreamResponse");
    }
  }
}

/** As Connect's own serialization of it, with its errors. */
function readEndStream(bytes: Uint8Array): ReturnType<typeof endStreamFromJson> {
  try {
    return endStreamFromJson(bytes);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConnectError(`failed to parse EndStreamResponse: ${reason}`, Code.InvalidArgument);
  }
}
