import { appendHeaders, Code, ConnectError } from "@connectrpc/connect";
import { errorFromJsonBytes } from "@connectrpc/connect/protocol-connect";
import type { Codec } from "../../wire/codec.ts";
import { inflate } from "../../wire/compression.ts";
import { tooLarge } from "../../wire/envelope-reader.ts";
import type { AnswerFields } from "../connections/http-request.ts";
import { fieldOf, headersOf, lazyHeadersOf } from "./answer-fields.ts";
import { brokenAnswer } from "./broken-answer.ts";
import { type ConnectUnaryHead, readConnectUnaryHead, withoutTrailers } from "./connect-answer.ts";
import { type AttemptOwner, UnaryCall } from "./unary-call.ts";

const NOTHING = new Uint8Array(0);

/** A unary call by Connect, whose answer is the body. */
export class ConnectUnaryCall extends UnaryCall {
  readonly #isBinary: boolean;
  readonly #output: Codec;
  readonly #readMaxBytes: number;
  #fields: AnswerFields = [];
  #head: ConnectUnaryHead | undefined;
  /** What the head says that the body has; undefined where it does not. */
  #promisedBytes: number | undefined;
  /** The body as far as it has come: `#bytes` of it. */
  #body: Uint8Array = NOTHING;
  #bytes = 0;
  /** How much fits into `#body`, where that is a buffer of our own. */
  #room = 0;

  constructor(isBinary: boolean, output: Codec, readMaxBytes: number, owner: AttemptOwner) {
    super(owner);
    this.#isBinary = isBinary;
    this.#output = output;
    this.#readMaxBytes = readMaxBytes;
  }

  onTrailers(): void {
    // trailers travel in the head ("Unary-Response")
  }

  protected readHead(status: number, fields: AnswerFields): void {
    this.#fields = fields;
    this.#head = readConnectUnaryHead(this.#isBinary, status, fields);
    this.#promisedBytes = lengthOf(fieldOf(fields, "content-length"));
    if (this.#promisedBytes !== undefined && this.#promisedBytes > this.#readMaxBytes) {
      throw tooLarge(this.#promisedBytes, this.#readMaxBytes);
    }
  }

  protected readBody(bytes: Uint8Array): void {
    this.#bytes += bytes.length;
    if (this.#promisedBytes !== undefined && this.#bytes > this.#promisedBytes) {
      throw this.#brokenPromise(this.#promisedBytes);
    }
    if (this.#bytes > this.#readMaxBytes) {
      const message = `message size is larger than configured readMaxBytes ${this.#readMaxBytes}`;
      throw new ConnectError(message, Code.ResourceExhausted);
    }
    this.#gather(bytes);
  }

  /** Parts are copied together: however small they are, they cost no more than their bytes. */
  #gather(bytes: Uint8Array): void {
    if (this.#bytes === bytes.length) {
      this.#body = bytes;
      return;
    }
    const before = this.#bytes - bytes.length;
    if (this.#bytes > this.#room) {
      this.#room = Math.max(this.#bytes, Math.min(2 * this.#bytes, this.#promisedBytes ?? this.#readMaxBytes));
      const larger = new Uint8Array(this.#room);
      larger.set(this.#body.subarray(0, before));
      this.#body = larger;
    }
    this.#body.set(bytes, before);
  }

  protected readEnd(): void {
    if (this.#promisedBytes !== undefined && this.#bytes < this.#promisedBytes) {
      throw this.#brokenPromise(this.#promisedBytes);
    }
    const body = this.#body.subarray(0, this.#bytes);
    const compression = this.#head?.compression;
    if (compression === undefined) {
      this.#finish(body);
    } else {
      inflate(compression, body, this.#readMaxBytes)
        .then((inflated) => this.#finish(inflated))
        .catch((error: unknown) => this.fail(error));
    }
  }

  #finish(body: Uint8Array): void {
    const { header, trailer } = withoutTrailers(this.#fields);
    if (this.#head?.error !== undefined) {
      throw errorFromJsonBytes(body, appendHeaders(headersOf(header), headersOf(trailer)), this.#head.error);
    }
    this.succeed(lazyHeadersOf(header), this.#output.parse(body), lazyHeadersOf(trailer));
  }

  #brokenPromise(promised: number): ConnectError {
    return brokenAnswer(`promised ${promised} bytes, received ${this.#bytes}`);
  }
}

/** As Connect reads it. */
function lengthOf(contentLength: string | undefined): number | undefined {
  const length = Number.parseInt(contentLength ?? "", 10);
  return Number.isSafeInteger(length) && length >= 0 ? length : undefined;
}
