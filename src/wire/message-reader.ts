import type { Message } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Compression } from "@connectrpc/connect/protocol";
import { BodyQueue } from "./body-queue.ts";
import type { Codec } from "./codec.ts";
import { COMPRESSED_FLAG } from "./envelope.ts";
import { EnvelopeReader, incompleteEnvelope } from "./envelope-reader.ts";

/** How messages are read. */
export interface MessageForm {
  readonly codec: Codec;
  readonly compression: Compression | undefined;
  readonly readMaxBytes: number;
  /** The flag of an envelope that ends a stream; one that comes from a caller is skipped or refused. */
  readonly endFlag: number | undefined;
}

/** Whose messages they are. */
export interface MessageOwner {
  /** Bytes of the body are no longer kept in the place where the peer is told to wait for them. */
  consumed(bytes: number): void;
  /** Accounts for what is kept of a message that is not whole, in bytes; false where that may not be kept. */
  hold(bytes: number): boolean;
  /** A message is about to be given to its reader. */
  onMessage(message: Message): void;
}

type Result = IteratorResult<Message, undefined>;

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

/**
 * The messages of a request, read from its body as somebody asks for them. What comes before that is kept as it is, and not
 * acknowledged to the peer.
 */
export class MessageReader implements AsyncIterableIterator<Message, undefined> {
  readonly #form: MessageForm;
  readonly #owner: MessageOwner;
  readonly #envelopes: EnvelopeReader;
  readonly #queue = new BodyQueue(() => undefined);
  #waiter: PromiseWithResolvers<Result> | undefined;
  /** Steps that were asked for while one was under way wait for it. */
  #step: Promise<unknown> | undefined;
  #error: ConnectError | undefined;
  /** Nothing more is read. */
  #isOver = false;

  constructor(form: MessageForm, owner: MessageOwner) {
    this.#form = form;
    this.#owner = owner;
    this.#envelopes = new EnvelopeReader(form.readMaxBytes);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  // The body comes.

  push(bytes: Uint8Array): void {
    if (this.#isOver) {
      this.#owner.consumed(bytes.length);
      return;
    }
    this.#queue.push(bytes);
    this.#wake();
  }

  end(): void {
    this.#queue.end();
    this.#wake();
  }

  /** Breaks the body off. */
  fail(error: ConnectError): void {
    if (!this.#queue.isEnded) {
      this.#error ??= error;
      this.#queue.fail(error);
      this.#wake();
    }
  }

  // The messages are read.

  next(): Promise<Result> {
    if (this.#step !== undefined) {
      const next = () => this.next();
      return this.#asStep(this.#step.then(next, next));
    }
    const result = this.#poll();
    if (result !== undefined) {
      return result instanceof Promise ? this.#asStep(result) : Promise.resolve(result);
    }
    this.#waiter = Promise.withResolvers<Result>();
    return this.#asStep(this.#waiter.promise);
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    this.close();
    return DONE;
  }

  async throw(thrown: unknown): Promise<never> {
    this.close();
    throw thrown;
  }

  /** Nobody reads any more: what comes is dropped. */
  close(): void {
    if (this.#isOver) {
      return;
    }
    this.#isOver = true;
    this.#owner.hold(0);
    this.#owner.consumed(this.#queue.takeOver()?.length ?? 0);
    this.#waiter?.resolve(DONE);
    this.#waiter = undefined;
  }

  #asStep<T>(step: Promise<T>): Promise<T> {
    this.#step = step;
    const settle = () => {
      if (this.#step === step) {
        this.#step = undefined;
      }
    };
    step.then(settle, settle);
    return step;
  }

  #wake(): void {
    const waiter = this.#waiter;
    if (waiter === undefined) {
      return;
    }
    const result = this.#poll();
    if (result === undefined) {
      return;
    }
    this.#waiter = undefined;
    waiter.resolve(result);
  }

  /** What there is for the next step; undefined where more has to come. */
  #poll(): Result | Promise<Result> | undefined {
    if (this.#isOver) {
      return this.#error === undefined ? DONE : Promise.reject(this.#error);
    }
    try {
      while (!this.#envelopes.take()) {
        const bytes = this.#queue.takeOver();
        if (bytes === undefined) {
          this.#count();
          return this.#queue.isEnded ? this.#atEnd() : undefined;
        }
        this.#envelopes.push(bytes);
        this.#owner.consumed(bytes.length); // it is read at once, but for an envelope that is not whole, which is counted
      }
      const { flags, message } = this.#envelopes;
      if ((flags & COMPRESSED_FLAG) !== 0) {
        return this.#inflate(flags, message);
      }
      return this.#read(flags, message) ?? this.#poll();
    } catch (error) {
      return this.#refuse(error);
    }
  }

  /** Takes account of an envelope that is not whole. */
  #count(): void {
    if (!this.#owner.hold(this.#envelopes.keptBytes)) {
      throw new ConnectError("the service holds as much of unfinished messages as it may", Code.ResourceExhausted);
    }
  }

  #atEnd(): Result | Promise<Result> {
    if (this.#error !== undefined) {
      return this.#refuse(this.#error);
    }
    if (this.#envelopes.isIncomplete) {
      return this.#refuse(incompleteEnvelope());
    }
    this.#isOver = true;
    return DONE;
  }

  #refuse(thrown: unknown): Promise<never> {
    this.#error = ConnectError.from(thrown, Code.Internal);
    this.#isOver = true;
    return Promise.reject(this.#error);
  }

  async #inflate(flags: number, bytes: Uint8Array): Promise<Result> {
    const { compression, readMaxBytes } = this.#form;
    try {
      if (compression === undefined) {
        const message = "received compressed envelope, but do not know how to decompress";
        throw new ConnectError(message, Code.Internal);
      }
      const inflated = await compression.decompress(bytes as Uint8Array<ArrayBuffer>, readMaxBytes); // of a socket, never shared
      return this.#read(flags, inflated) ?? (await (this.#poll() ?? this.#wait()));
    } catch (error) {
      return this.#refuse(error);
    }
  }

  #wait(): Promise<Result> {
    this.#waiter = Promise.withResolvers<Result>();
    return this.#waiter.promise;
  }

  /** Undefined where the envelope is no message. */
  #read(flags: number, bytes: Uint8Array): Result | undefined {
    const { endFlag, codec } = this.#form;
    if (endFlag !== undefined && (flags & endFlag) === endFlag) {
      return undefined; // as Connect's handlers
    }
    const message = codec.parse(bytes);
    this.#owner.onMessage(message);
    return { done: false, value: message };
  }
}
