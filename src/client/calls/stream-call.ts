import type { DescMessage, DescMethodStreaming, Message, MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, type StreamResponse } from "@connectrpc/connect";
import { BodyQueue } from "../../wire/body-queue.ts";
import { inflate } from "../../wire/compression.ts";
import { COMPRESSED_FLAG } from "../../wire/envelope.ts";
import { EnvelopeReader } from "../../wire/envelope-reader.ts";
import { ReaderSteps } from "../../wire/reader-steps.ts";
import type {
  AnswerFields,
  AnswerListener,
  HttpRequest,
  HttpTarget,
  RequestHead,
} from "../connections/http-request.ts";
import { lazyHeadersOf } from "./answer-fields.ts";
import { brokenEnvelope } from "./broken-answer.ts";
import type { Cuttable, Outcome } from "./call-life.ts";
import type { AnswerEnd, AnswerHead } from "./call-protocol.ts";
import type { StreamForm } from "./stream-form.ts";
import { Upload } from "./upload.ts";

type Result = IteratorResult<Message, undefined>;

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };
const NO_FIELDS: AnswerFields = [];

/** A call of a method that streams, the listener to its answer, and the iterator of the answer's messages. */
export class StreamCall implements AnswerListener, Cuttable, AsyncIterator<Message, undefined> {
  readonly #settle = Promise.withResolvers<StreamResponse>();
  readonly #method: DescMethodStreaming;
  readonly #form: StreamForm;
  readonly #isOutermost: boolean;
  readonly #upload: Upload;
  /** What came is kept as it is until it is read: messages take more room than their bytes. */
  readonly #queue = new BodyQueue(() => undefined);
  readonly #reader: EnvelopeReader;
  #outcome: Outcome | undefined;
  #request: HttpRequest | undefined;
  #isOpen = false;
  #head: AnswerHead | undefined;
  #end: AnswerEnd | undefined;
  #trailers = NO_FIELDS;
  readonly #steps = new ReaderSteps<Result>();
  /** The reader waits for what comes. */
  #waiter: PromiseWithResolvers<Result> | undefined;
  /** All was read, or nobody reads any more. */
  #isOver = false;
  #error: ConnectError | undefined;

  /** @param isOutermost whoever reads gets no way to leave, as Connect's transports give none: the call's end ends it */
  constructor(
    method: DescMethodStreaming,
    form: StreamForm,
    messages: AsyncIterable<MessageInitShape<DescMessage>>,
    isOutermost: boolean,
  ) {
    this.#isOutermost = isOutermost;
    this.#method = method;
    this.#form = form;
    this.#upload = new Upload(method.input, form, messages);
    this.#reader = new EnvelopeReader(form.readMaxBytes);
  }

  /** Settled with the head of the answer. */
  get response(): Promise<StreamResponse> {
    return this.#settle.promise;
  }

  /** Begins. To be called in the caller's context, which whoever gives the messages is part of. */
  start(target: HttpTarget, head: RequestHead, outcome: Outcome): void {
    this.#outcome = outcome;
    if (this.#isOver) {
      return;
    }
    try {
      this.#request = target.request(head, undefined, this);
    } catch (error) {
      this.#fail(error);
      return;
    }
    if (this.#isOpen) {
      this.#upload.open(this.#request);
    }
    this.#upload.send().catch((error: unknown) => this.#fail(ConnectError.from(error, Code.Internal)));
  }

  cut(reason: ConnectError): void {
    this.#fail(reason);
  }

  // The answer comes (AnswerListener).

  onOpen(): void {
    this.#isOpen = true;
    if (this.#request !== undefined) {
      this.#upload.open(this.#request);
    }
  }

  onRoom(): void {
    this.#upload.room();
  }

  onHead(status: number, fields: AnswerFields): void {
    try {
      this.#head = this.#form.answers.readHead(this.#method.methodKind, status, fields);
      if (this.#head.error !== undefined) {
        throw this.#head.error;
      }
    } catch (error) {
      this.#fail(error);
      return;
    }
    const end = this.#form.answers.streamEnd(this.#head, () => this.#trailers);
    this.#end = end;
    this.#outcome?.beginStream();
    const method = this.#method;
    this.#settle.resolve({
      stream: true,
      service: method.parent,
      method,
      header: lazyHeadersOf(fields),
      trailer: end.trailer,
      message: { [Symbol.asyncIterator]: () => (this.#isOutermost ? { next: () => this.next() } : this) },
    });
  }

  onData(bytes: Uint8Array): void {
    if (this.#isOver) {
      this.#request?.consumed(bytes.length);
    } else if (this.#waiter === undefined) {
      this.#queue.push(bytes);
    } else {
      this.#reader.push(bytes); // whoever waits has read all that came before
      this.#wake();
      const rest = this.#reader.takeRest();
      if (rest.length > 0) {
        this.#queue.push(rest);
      }
    }
  }

  onTrailers(fields: AnswerFields): void {
    this.#trailers = fields;
  }

  onEnd(): void {
    this.#queue.end();
    this.#upload.stop(undefined);
    this.#wake();
  }

  onError(error: ConnectError): void {
    this.#fail(error);
  }

  // The answer is read (AsyncIterator).

  next(): Promise<Result> {
    return this.#steps.after(() => this.#advance());
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    this.#leave();
    return DONE;
  }

  async throw(thrown: unknown): Promise<never> {
    this.#leave();
    throw thrown;
  }

  #advance(): Result | Promise<Result> {
    if (this.#error !== undefined) {
      throw this.#error;
    }
    try {
      const result = this.#isOver ? DONE : this.#poll();
      if (result === undefined) {
        this.#waiter = Promise.withResolvers();
        return this.#waiter.promise;
      }
      return result;
    } catch (error) {
      throw this.#fail(error);
    }
  }

  /** Gives the reader that waits what there is. */
  #wake(): void {
    const waiter = this.#waiter;
    if (waiter === undefined) {
      return;
    }
    try {
      const result = this.#poll();
      if (result !== undefined) {
        this.#waiter = undefined;
        waiter.resolve(result);
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The next message, or the end; undefined where that has not come. */
  #poll(): Result | Promise<Result> | undefined {
    const reader = this.#reader;
    for (;;) {
      const isWhole = reader.take();
      this.#request?.consumed(reader.takeUsedBytes());
      if (isWhole) {
        const { flags, message } = reader;
        const result =
          (flags & COMPRESSED_FLAG) === 0 ? this.#read(flags, message) : this.#readCompressed(flags, message);
        if (result !== undefined) {
          return result;
        }
        continue;
      }
      const more = this.#queue.takeOver();
      if (more !== undefined) {
        reader.push(more);
      } else if (this.#queue.isEnded) {
        return this.#finish();
      } else {
        return undefined;
      }
    }
  }

  /** Undefined for the envelope that stands for the end. */
  #read(flags: number, bytes: Uint8Array): Result | undefined {
    const { endFlag } = this.#form.answers;
    if (endFlag !== 0 && (flags & endFlag) !== 0) {
      this.#end?.onEndEnvelope(bytes);
      return undefined;
    }
    const value = this.#form.output.parse(bytes);
    this.#end?.onMessage();
    return { done: false, value };
  }

  async #readCompressed(flags: number, bytes: Uint8Array): Promise<Result> {
    try {
      const inflated = await inflate(this.#head?.compression, bytes, this.#form.readMaxBytes);
      if (this.#error !== undefined) {
        throw this.#error;
      }
      return this.#read(flags, inflated) ?? (await this.#advance());
    } catch (error) {
      throw this.#fail(error);
    }
  }

  #finish(): Result {
    if (this.#reader.isIncomplete) {
      throw brokenEnvelope();
    }
    this.#end?.onEnd();
    this.#isOver = true;
    this.#outcome?.succeed();
    return DONE;
  }

  /** The reader wants no more. */
  #leave(): void {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#request?.cancel();
      this.#upload.stop(undefined);
      this.#outcome?.succeed();
    }
    this.#waiter?.resolve(DONE);
    this.#waiter = undefined;
  }

  #fail(thrown: unknown): ConnectError {
    if (this.#error !== undefined || this.#isOver) {
      return this.#error ?? ConnectError.from(thrown);
    }
    this.#isOver = true;
    this.#request?.cancel();
    const error = this.#outcome?.fail(thrown) ?? ConnectError.from(thrown);
    this.#error = error;
    this.#upload.stop(error);
    this.#queue.fail(error); // what was not read is dropped
    this.#settle.reject(error);
    this.#waiter?.reject(error);
    this.#waiter = undefined;
    return error;
  }
}
