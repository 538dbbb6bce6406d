// Over 300 lines: the call, the listener to its answer and the iterator of its messages are one object.
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
  Fate,
  HttpRequest,
  HttpTarget,
  RequestHead,
} from "../connections/http-request.ts";
import type { Placement } from "../connections/placement.ts";
import { lazyHeadersOf } from "./answer-fields.ts";
import { Attempts, type CallManner } from "./attempts.ts";
import { brokenEnvelope } from "./broken-answer.ts";
import type { Cuttable } from "./call-life.ts";
import type { AnswerEnd, AnswerHead } from "./call-protocol.ts";
import type { AttemptSight } from "./call-story.ts";
import type { FurtherAttempt } from "./further-attempt.ts";
import { judgedCut } from "./judged-cut.ts";
import type { MethodCalls } from "./method-calls.ts";
import type { Outcome } from "./outcome.ts";
import type { StreamForm } from "./stream-form.ts";
import type { CallTransportOptions } from "./transport-options.ts";
import { Upload } from "./upload.ts";

type Result = IteratorResult<Message, undefined>;

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };
const NO_FIELDS: AnswerFields = [];

/** Gives the head of a stream's request; see UnaryRequestParts. */
type HeadOf = (again: FurtherAttempt | undefined) => RequestHead;

/**
 * A call of a method that streams, the listener to its answer, and the iterator of the answer's messages. Until the answer
 * begins, it may be tried again.
 */
export class StreamCall implements AnswerListener, Cuttable, AsyncIterator<Message, undefined> {
  readonly #settle = Promise.withResolvers<StreamResponse>();
  readonly #target: HttpTarget;
  readonly #method: DescMethodStreaming;
  readonly #form: StreamForm;
  readonly #attempts: Attempts;
  readonly #isOutermost: boolean;
  readonly #upload: Upload;
  /** What came is kept as it is until it is read: messages take more room than their bytes. */
  readonly #queue = new BodyQueue(() => undefined);
  readonly #reader: EnvelopeReader;
  #headOf: HeadOf | undefined;
  #attempt: StreamAttempt | undefined;
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
    options: CallTransportOptions,
    method: DescMethodStreaming,
    calls: MethodCalls,
    messages: AsyncIterable<MessageInitShape<DescMessage>>,
    manner: CallManner,
    isOutermost: boolean,
  ) {
    this.#target = options.target;
    this.#method = method;
    this.#form = calls.form;
    this.#attempts = new Attempts(options, calls, manner);
    this.#isOutermost = isOutermost;
    this.#upload = new Upload(method.input, calls.form, messages);
    this.#reader = new EnvelopeReader(calls.form.readMaxBytes);
  }

  /** Settled with the head of the answer. */
  get response(): Promise<StreamResponse> {
    return this.#settle.promise;
  }

  /** Who is to know how it went. To be set before anything else. */
  set outcome(outcome: Outcome) {
    this.#attempts.outcome = outcome;
  }

  /** Begins. To be called in the caller's context, which whoever gives the messages is part of. */
  start(headOf: HeadOf): void {
    this.#headOf = headOf;
    if (this.#isOver) {
      return;
    }
    const refusal = this.#attempts.admit();
    if (refusal !== undefined) {
      this.#fail(refusal, undefined);
      return;
    }
    this.#begin(undefined);
    this.#upload.send().catch((error: unknown) => this.#fail(ConnectError.from(error, Code.Internal), Code.Canceled));
  }

  cut(reason: ConnectError): void {
    const isWhole = this.#queue.isEnded; // the backend has done its part
    this.#fail(reason, isWhole ? Code.Canceled : judgedCut(reason));
  }

  // The answer comes (AnswerListener).

  onPlaced(placement: Placement): void {
    this.#known.placement = placement;
  }

  onOpen(): void {
    this.#upload.open(this.#known.request as HttpRequest); // whoever is told of it has begun it
  }

  onRoom(): void {
    this.#upload.room();
  }

  onHead(status: number, fields: AnswerFields): void {
    this.#known.headAt = this.#attempts.now();
    try {
      this.#head = this.#form.answers.readHead(this.#method.methodKind, status, fields);
      if (this.#head.error !== undefined) {
        throw this.#head.error;
      }
    } catch (error) {
      this.#onFailed(error, "unknown");
      return;
    }
    this.#upload.commit();
    this.#attempts.onAccepted();
    const end = this.#form.answers.streamEnd(this.#head, () => this.#trailers);
    this.#end = end;
    this.#attempts.outcome.beginStream();
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
      this.#attempt?.request?.consumed(bytes.length);
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
    this.#known.placement?.leave(); // what is not read yet costs the backend nothing any more
  }

  onError(error: ConnectError, fate: Fate): void {
    this.#onFailed(error, fate);
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
      throw this.#failReading(error);
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
      this.#failReading(error);
    }
  }

  /** The next message, or the end; undefined where that has not come. */
  #poll(): Result | Promise<Result> | undefined {
    const reader = this.#reader;
    for (;;) {
      const isWhole = reader.take();
      this.#attempt?.request?.consumed(reader.takeUsedBytes());
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
      throw this.#failReading(error);
    }
  }

  #finish(): Result {
    if (this.#reader.isIncomplete) {
      throw brokenEnvelope();
    }
    this.#end?.onEnd();
    this.#isOver = true;
    this.#attempt?.placement?.whenDone(undefined);
    this.#attempts.outcome.succeed();
    return DONE;
  }

  /** The reader wants no more. */
  #leave(): void {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#giveUp(undefined);
      this.#upload.stop(undefined);
      this.#attempts.outcome.succeed();
    }
    this.#waiter?.resolve(DONE);
    this.#waiter = undefined;
  }

  // Attempts.

  /** @param failed where another attempt has failed */
  #begin(failed: Placement | undefined): void {
    if (this.#isOver) {
      return; // whoever listens to the channel's events may have ended it
    }
    const { again, outcome } = this.#attempts;
    const attempt: StreamAttempt = { startedAt: again === undefined ? outcome.startedAt : this.#attempts.now() };
    this.#attempt = attempt;
    this.#head = undefined;
    try {
      const head = (this.#headOf as HeadOf)(again); // it has begun
      attempt.request = this.#target.request(head, undefined, this, this.#attempts.wish(failed));
    } catch (error) {
      this.#onFailed(error, "unsent");
    }
  }

  /** The attempt has failed; unless its answer had begun, there may be another. */
  #onFailed(thrown: unknown, fate: Fate): void {
    if (this.#isOver || this.#error !== undefined) {
      return;
    }
    const error = this.#attempts.errorOf(thrown);
    const judgement = fate === "unknown" ? error.code : Code.Canceled;
    const { placement } = this.#known;
    const isRepeatable = this.#end === undefined && this.#upload.isRepeatable;
    const delayMs = isRepeatable ? this.#attempts.afterFailure(error, fate, placement) : undefined;
    if (delayMs === undefined) {
      this.#fail(thrown, judgement);
      return;
    }
    this.#giveUp(judgement);
    this.#upload.close();
    this.#attempts.remember(this.#sight(error.rawMessage));
    this.#attempt = undefined;
    if (delayMs === 0) {
      this.#begin(placement);
    } else {
      this.#beginAfter(delayMs, placement);
    }
  }

  #beginAfter(delayMs: number, failed: Placement | undefined): void {
    if (this.#isOver) {
      return; // see #begin
    }
    this.#attempts.rest(delayMs, (error) => {
      if (error === undefined) {
        this.#begin(failed);
      } else {
        this.#fail(error, undefined);
      }
    });
  }

  /** Ends what is under way of the attempt. `code` is what came of it, for whoever judges the backend. */
  #giveUp(code: Code | undefined): void {
    this.#attempts.endRest();
    this.#attempt?.request?.cancel();
    this.#attempt?.placement?.whenDone(code);
  }

  /** What was read says that it has failed, or cannot be read. */
  #failReading(thrown: unknown): ConnectError {
    return this.#fail(thrown, ConnectError.from(thrown).code);
  }

  /** @param judgement what came of it, for whoever judges the backend */
  #fail(thrown: unknown, judgement: Code | undefined): ConnectError {
    if (this.#error !== undefined || this.#isOver) {
      return this.#error ?? ConnectError.from(thrown);
    }
    this.#isOver = true;
    const error = this.#attempts.fail(thrown, this.#attempt === undefined ? [] : [this.#sight(undefined)]);
    this.#giveUp(judgement);
    this.#error = error;
    this.#upload.stop(error);
    this.#queue.fail(error); // what was not read is dropped
    this.#settle.reject(error);
    this.#waiter?.reject(error);
    this.#waiter = undefined;
    return error;
  }

  get #known(): StreamAttempt {
    return this.#attempt as StreamAttempt; // only an attempt is told of its answer
  }

  #sight(failure: string | undefined): AttemptSight {
    const { placement, startedAt, request, headAt } = this.#known;
    const waited = request?.waited;
    return { backend: placement?.backend, startedAt, waited, headAt, until: this.#attempts.now(), failure };
  }
}

/** An attempt at a stream under way. */
interface StreamAttempt {
  readonly startedAt: number;
  request?: HttpRequest;
  placement?: Placement;
  headAt?: number;
}
