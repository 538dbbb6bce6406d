import type { Message } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Compression } from "@connectrpc/connect/protocol";
import { BodyQueue } from "./body-queue.ts";
import type { Codec } from "./codec.ts";
import { inflate } from "./compression.ts";
import { COMPRESSED_FLAG } from "./envelope.ts";
import { EnvelopeReader, incompleteEnvelope } from "./envelope-reader.ts";
import { ReaderSteps } from "./reader-steps.ts";

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
  /** A step waits for more of the body. */
  #onMore: (() => void) | undefined;
  readonly #steps = new ReaderSteps<Result>();
  #error: ConnectError | undefined;
  /** An envelope was found, and not looked at yet. */
  #isFound = false;
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
    this.#onMore?.();
  }

  end(): void {
    this.#queue.end();
    this.#onMore?.();
  }

  /** Breaks the messages off: whoever reads them learns why, and never takes them for complete. */
  fail(error: ConnectError): void {
    if (!this.#isOver) {
      this.#error = error;
      this.close();
    }
  }

  // The messages are read.

  next(): Promise<Result> {
    return this.#steps.after(() => this.#take());
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
    const rest = this.#envelopes.takeRest().length + (this.#queue.takeOver()?.length ?? 0);
    this.#owner.consumed(rest + this.#envelopes.takeUsedBytes());
    this.#onMore?.();
  }

  #take(): Result | Promise<Result> {
    try {
      // Most messages have come when they are asked for, and are not compressed: nobody waits for them.
      const plain = this.#isOver ? undefined : this.#takePlain();
      return plain ?? this.#advance();
    } catch (error) {
      throw this.#refuse(error);
    }
  }

  #takePlain(): Result | undefined {
    return this.#find() && this.#envelopes.flags === 0 ? this.#read(this.#envelopes.message) : undefined;
  }

  /** Gives the next message once it is there: the envelope that was found is looked at first. */
  async #advance(): Promise<Result> {
    try {
      for (;;) {
        if (this.#isOver) {
          if (this.#error !== undefined) {
            throw this.#error;
          }
          return DONE;
        }
        if (this.#isFound || this.#find()) {
          this.#isFound = false;
          const message = await this.#messageOf(this.#envelopes.flags, this.#envelopes.message);
          if (message !== undefined && !this.#isOver) {
            return this.#read(message);
          }
        } else if (this.#queue.isEnded) {
          if (this.#envelopes.isIncomplete) {
            throw incompleteEnvelope();
          }
          this.close();
        } else {
          await new Promise<void>((resolve) => {
            this.#onMore = resolve;
          });
          this.#onMore = undefined;
        }
      }
    } catch (error) {
      throw this.#refuse(error);
    }
  }

  /** Finds the next envelope in what has come. */
  #find(): boolean {
    while (!this.#envelopes.take()) {
      const bytes = this.#queue.takeOver();
      this.#owner.consumed(this.#envelopes.takeUsedBytes());
      if (bytes === undefined) {
        this.#count();
        return false;
      }
      this.#envelopes.push(bytes);
    }
    this.#owner.consumed(this.#envelopes.takeUsedBytes());
    this.#owner.hold(0); // one that was not whole is, and its reader's
    this.#isFound = true;
    return true;
  }

  /** Takes account of an envelope that is not whole. */
  #count(): void {
    if (!this.#owner.hold(this.#envelopes.keptBytes)) {
      throw new ConnectError("the service holds as much of unfinished messages as it may", Code.ResourceExhausted);
    }
  }

  /** What an envelope holds; undefined where it is no message. */
  async #messageOf(flags: number, bytes: Uint8Array): Promise<Uint8Array | undefined> {
    const { compression, readMaxBytes, endFlag } = this.#form;
    const isEnd = endFlag !== undefined && (flags & endFlag) === endFlag; // skipped, as by Connect's handlers
    if ((flags & COMPRESSED_FLAG) === 0) {
      return isEnd ? undefined : bytes;
    }
    const inflated = await inflate(compression, bytes, readMaxBytes);
    return isEnd ? undefined : inflated;
  }

  #read(bytes: Uint8Array): Result {
    this.#isFound = false;
    const message = this.#form.codec.parse(bytes);
    this.#owner.onMessage(message);
    return { done: false, value: message };
  }

  #refuse(thrown: unknown): ConnectError {
    const error = this.#error ?? ConnectError.from(thrown, Code.Internal);
    this.#error = error;
    this.close();
    return error;
  }
}
