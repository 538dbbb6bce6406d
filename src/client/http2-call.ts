import { Code, ConnectError } from "@connectrpc/connect";
import {
  getAbortSignalReason,
  type UniversalClientRequest,
  type UniversalClientResponse,
} from "@connectrpc/connect/protocol";
import { ErrorCode, type HeaderField, type ResponseHead, type Stream, type StreamError } from "../http2/index.ts";
import { BodyQueue } from "../sockets/body-queue.ts";
import type { PendingStream } from "./client-connection-options.ts";
import type { ClientConnection } from "./http2-client-connection.ts";
import type { Http2Target } from "./http2-target.ts";
import { requestFields } from "./request-fields.ts";
import { connectErrorOf } from "./stream-error.ts";

const NOTHING = new Uint8Array(0);
const END: IteratorReturnResult<undefined> = { done: true, value: undefined };

/** Connections whose peer leaves at once, one after the other, until a call that waits gives up. */
const MAX_DISPLACEMENTS = 3;

/** A request on its way, and its answer; listens to the stream. */
export class Http2Call implements PendingStream, AsyncIterator<Uint8Array, undefined> {
  readonly response: Promise<UniversalClientResponse>;
  readonly fields: PendingStream["fields"];
  readonly endStream: boolean;
  readonly isHeadRequest: boolean;
  /** Undefined where nobody wanted an answer any more before there was a connection. */
  #connection: ClientConnection | undefined;
  readonly #target: Http2Target;
  #displacements = 0;
  readonly #signal: AbortSignal | undefined;
  readonly #upload: AsyncIterator<Uint8Array> | undefined;
  readonly #queue = new BodyQueue((bytes) => this.#stream?.consumed(bytes));
  readonly #trailer = new Headers();
  readonly #settle: PromiseWithResolvers<UniversalClientResponse>;
  #stream: Stream | undefined;
  #onOpened: ((stream: Stream) => void) | undefined;
  /** Whoever sends waits for room. */
  #onRoom: (() => void) | undefined;
  /** Nothing more is asked of the request's body. */
  #isUploaded: boolean;
  /** The answer came whole. */
  #isAnswered = false;
  /** Nobody waits for anything any more: the answer was read, or left, or there is none. */
  #isSettled = false;
  #error: ConnectError | undefined;

  constructor(request: UniversalClientRequest, url: URL, target: Http2Target) {
    this.fields = requestFields(request.method, url, request.header);
    this.endStream = request.body === undefined;
    this.isHeadRequest = request.method === "HEAD";
    this.#signal = request.signal;
    this.#upload = request.body?.[Symbol.asyncIterator]();
    this.#isUploaded = this.endStream;
    this.#target = target;
    this.#settle = Promise.withResolvers();
    this.response = this.#settle.promise;
    if (this.#signal?.aborted) {
      this.#onAbort();
    } else {
      this.#signal?.addEventListener("abort", this.#onAbort);
      this.#wait();
      if (this.#upload !== undefined && !this.#isUploaded) {
        void this.#send(this.#upload); // from here, since whoever gives the body is part of the caller's context
      }
    }
  }

  #wait(): void {
    try {
      this.#connection = this.#target.connection();
    } catch (error) {
      this.#fail(ConnectError.from(error, Code.Unavailable));
      return;
    }
    this.#connection.open(this);
  }

  // What becomes of the stream (PendingStream).

  onOpen(stream: Stream): void {
    this.#stream = stream;
    this.#onOpened?.(stream);
  }

  onDisplaced(error: ConnectError): void {
    if (this.#displacements++ < MAX_DISPLACEMENTS) {
      this.#wait();
    } else {
      this.#fail(error);
    }
  }

  onUnopened(error: ConnectError): void {
    this.#fail(error);
  }

  onInformation(): void {
    // Connect has no use for what comes before the answer.
  }

  onHead(head: ResponseHead): void {
    const body = { [Symbol.asyncIterator]: () => this };
    const header = new Headers();
    append(header, head.fields);
    this.#settle.resolve({ status: head.status, header, body, trailer: this.#trailer });
  }

  onData(bytes: Uint8Array): void {
    this.#queue.push(bytes);
  }

  onTrailers(fields: readonly HeaderField[]): void {
    append(this.#trailer, fields);
  }

  onEnd(): void {
    this.#isAnswered = true;
    this.#queue.end();
    if (this.#stream?.isLocalEnded === false) {
      this.#stream.reset(ErrorCode.NO_ERROR); // an answered call has no use for the rest of its request
    }
  }

  onDrain(): void {
    this.#onRoom?.();
  }

  onClose(error: StreamError | undefined): void {
    this.#connection?.onStreamClosed();
    this.#onRoom?.();
    this.#closeUpload();
    if (error !== undefined && !this.#isAnswered) {
      this.#fail(this.#connection?.errorOf(error) ?? connectErrorOf(error));
    }
  }

  // The request's body.

  async #send(upload: AsyncIterator<Uint8Array>): Promise<void> {
    const stream = this.#stream ?? (await this.#opened());
    try {
      while (!stream.isClosed) {
        const { done, value } = await upload.next();
        if (done) {
          this.#isUploaded = true;
          stream.sendData(NOTHING, true);
          return;
        }
        if (!stream.sendData(value, false)) {
          await new Promise<void>((resolve) => {
            this.#onRoom = resolve;
          });
        }
      }
    } catch (thrown) {
      if (!this.#isUploaded) {
        this.#isUploaded = true;
        this.#fail(ConnectError.from(thrown, Code.Internal));
      }
    }
  }

  #opened(): Promise<Stream> {
    return new Promise((resolve) => {
      this.#onOpened = resolve;
    });
  }

  /** Tells whoever gives the request's body that no more of it is wanted. */
  #closeUpload(): void {
    if (!this.#isUploaded) {
      this.#isUploaded = true;
      void returned(this.#upload);
    }
  }

  // The answer's body (AsyncIterator).

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    for (;;) {
      const value = this.#error === undefined && !this.#isSettled ? this.#queue.read() : undefined;
      if (value !== undefined) {
        return { done: false, value };
      }
      if (this.#error !== undefined) {
        throw this.#error;
      }
      if (this.#isSettled || this.#queue.isEnded) {
        this.#release();
        return END;
      }
      await new Promise<void>((resolve) => {
        this.#queue.onReadable = resolve;
      });
    }
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    this.#leave();
    return END;
  }

  async throw(thrown: unknown): Promise<never> {
    this.#leave();
    throw thrown;
  }

  /** The reader wants no more. */
  #leave(): void {
    this.#release();
    this.#stream?.reset(ErrorCode.CANCEL); // nothing, where it is closed
    this.#queue.onReadable?.();
  }

  // The end.

  readonly #onAbort = (): void => {
    this.#fail(ConnectError.from(getAbortSignalReason(this.#signal as AbortSignal), Code.Canceled)); // its own listener
  };

  #release(): void {
    this.#isSettled = true;
    this.#signal?.removeEventListener("abort", this.#onAbort);
  }

  #fail(error: ConnectError): void {
    if (this.#isSettled) {
      return;
    }
    this.#release();
    this.#error = error;
    if (this.#stream === undefined) {
      this.#connection?.withdraw(this);
    } else {
      this.#stream.reset(ErrorCode.CANCEL);
    }
    this.#closeUpload();
    this.#settle.reject(error);
    this.#queue.onReadable?.();
  }
}

function append(header: Headers, fields: readonly HeaderField[]): void {
  for (const { name, value } of fields) {
    header.append(name, value);
  }
}

/** What goes wrong while an iterator is closed is its owner's affair: the call has its outcome already. */
async function returned(iterator: AsyncIterator<unknown> | undefined): Promise<void> {
  try {
    await iterator?.return?.();
  } catch {
    return;
  }
}
