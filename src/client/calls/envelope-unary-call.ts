import type { Message } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { trailerFlag, trailerParse } from "@connectrpc/connect/protocol-grpc-web";
import type { Codec } from "../../wire/codec.ts";
import { inflate } from "../../wire/compression.ts";
import { COMPRESSED_FLAG } from "../../wire/envelope.ts";
import { EnvelopeReader } from "../../wire/envelope-reader.ts";
import type { AnswerFields } from "../connections/http-request.ts";
import { lazyHeadersOf } from "./answer-fields.ts";
import { brokenEnvelope } from "./broken-answer.ts";
import type { AnswerHead } from "./call-protocol.ts";
import { grpcAnswers, grpcUnaryMessage } from "./grpc-answer.ts";
import { grpcWebAnswers, grpcWebUnaryMessage } from "./grpc-web-answer.ts";
import { type AttemptOwner, UnaryCall } from "./unary-call.ts";

/** What came behind an envelope that is being inflated: another one, or what is wrong with it. */
type Waiting = { readonly flags: number; readonly bytes: Uint8Array } | { readonly error: unknown };

/** Of three envelopes two are messages, or two are trailers: that is an error already, and no more are kept. */
const MAX_WAITING = 2;
const NO_FIELDS: AnswerFields = [];

/** A unary call by gRPC or gRPC-Web, whose answer stands in envelopes. */
export class EnvelopeUnaryCall extends UnaryCall {
  readonly #isWeb: boolean;
  readonly #output: Codec;
  readonly #readMaxBytes: number;
  readonly #reader: EnvelopeReader;
  #head: AnswerHead | undefined;
  #message: Message | undefined;
  #webTrailer: Headers | undefined;
  #trailers = NO_FIELDS;
  /** Envelopes that wait for one before them to be inflated. */
  #waiting: Waiting[] | undefined;
  #isEnded = false;

  constructor(isWeb: boolean, output: Codec, readMaxBytes: number, owner: AttemptOwner) {
    super(owner);
    this.#isWeb = isWeb;
    this.#output = output;
    this.#readMaxBytes = readMaxBytes;
    this.#reader = new EnvelopeReader(readMaxBytes);
  }

  onTrailers(fields: AnswerFields): void {
    this.#trailers = fields;
  }

  protected readHead(status: number, fields: AnswerFields): void {
    this.#head = (this.#isWeb ? grpcWebAnswers : grpcAnswers).readHead("unary", status, fields);
  }

  protected readBody(bytes: Uint8Array): void {
    if (this.#waiting !== undefined && this.#waiting.length >= MAX_WAITING) {
      return;
    }
    try {
      this.#readEnvelopes(bytes);
    } catch (error) {
      if (this.#waiting === undefined) {
        throw error;
      }
      this.#waiting.push({ error }); // what came before may have something else to say
    }
  }

  #readEnvelopes(bytes: Uint8Array): void {
    const reader = this.#reader;
    reader.push(bytes);
    while (reader.take()) {
      const { flags, message } = reader;
      if (this.#waiting !== undefined) {
        this.#waiting.push({ flags, bytes: message });
        if (this.#waiting.length === MAX_WAITING) {
          return;
        }
      } else if ((flags & COMPRESSED_FLAG) === 0) {
        this.#onEnvelope(flags, message);
      } else {
        this.#waiting = [];
        void this.#inflateFrom({ flags, bytes: message }, this.#waiting);
      }
    }
  }

  protected readEnd(): void {
    this.#isEnded = true;
    if (this.#waiting === undefined) {
      this.#finish();
    }
  }

  /** Takes an envelope, and what comes meanwhile. */
  async #inflateFrom(first: Waiting, waiting: Waiting[]): Promise<void> {
    try {
      for (let next: Waiting | undefined = first; next !== undefined; next = waiting.shift()) {
        if ("error" in next) {
          throw next.error;
        }
        const { flags, bytes } = next;
        const isCompressed = (flags & COMPRESSED_FLAG) !== 0;
        const inflated = isCompressed ? await inflate(this.#head?.compression, bytes, this.#readMaxBytes) : bytes;
        if (this.isOver) {
          return;
        }
        this.#onEnvelope(flags, inflated);
      }
      this.#waiting = undefined;
      if (this.#isEnded) {
        this.#finish();
      }
    } catch (error) {
      this.fail(error);
    }
  }

  #onEnvelope(flags: number, bytes: Uint8Array): void {
    if (this.#isWeb && (flags & trailerFlag) !== 0) {
      const trailer = trailerParse(bytes);
      if (this.#webTrailer !== undefined) {
        throw new ConnectError("protocol error: received extra trailer", Code.Unimplemented);
      }
      this.#webTrailer = trailer;
      return;
    }
    const message = this.#output.parse(bytes);
    if (this.#message !== undefined) {
      throw new ConnectError("protocol error: received extra output message for unary method", Code.Unimplemented);
    }
    this.#message = message;
  }

  #finish(): void {
    const head = this.#head as AnswerHead; // an answer begins with it
    if (this.#reader.isIncomplete) {
      throw brokenEnvelope();
    }
    if (this.#isWeb) {
      const message = grpcWebUnaryMessage(head, this.#message, this.#webTrailer);
      this.succeed(lazyHeadersOf(head.fields), message, this.#webTrailer ?? new Headers());
    } else {
      const message = grpcUnaryMessage(head, this.#message, this.#trailers);
      this.succeed(lazyHeadersOf(head.fields), message, lazyHeadersOf(this.#trailers));
    }
  }
}
