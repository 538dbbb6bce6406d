import type { ConnectError } from "@connectrpc/connect";
import {
  ErrorCode,
  type FieldLines,
  type HeaderField,
  type Lines,
  type ResponseHead,
  type Stream,
  type StreamError,
  type StreamListener,
} from "../../http2/index.ts";
import type { AnswerListener, Fate, HttpRequest, RequestHead } from "./http-request.ts";
import { noPlaceLeft } from "./lost-connection.ts";

/** What a request needs of its connection. */
export interface StreamOpener {
  /** Undefined where no stream can be opened any more. */
  open(fields: FieldLines, endStream: boolean, listener: StreamListener, more: Lines | undefined): Stream | undefined;
  onStreamClosed(): void;
  errorOf(error: StreamError): ConnectError;
}

/** A request over HTTP/2, and the listener to its stream. */
export class Http2Request implements HttpRequest, StreamListener {
  readonly #connection: StreamOpener;
  readonly #body: Uint8Array | null | undefined;
  readonly #listener: AnswerListener;
  #stream: Stream | undefined;
  #hasHead = false;
  /** The listener has heard the last: the answer came whole, there is none, or it is not wanted. */
  #isOver = false;

  constructor(connection: StreamOpener, body: Uint8Array | null | undefined, listener: AnswerListener) {
    this.#connection = connection;
    this.#body = body;
    this.#listener = listener;
  }

  start({ fields, more }: RequestHead): void {
    const body = this.#body;
    const stream = this.#connection.open(fields, body === null, this, more);
    if (stream === undefined) {
      this.#fail(noPlaceLeft(), "unprocessed");
    } else if (!stream.isClosed) {
      this.#stream = stream;
      if (body !== undefined && body !== null) {
        stream.sendData(body, true);
      } else if (body === undefined) {
        queueMicrotask(() => this.#onOpen());
      }
    }
  }

  send(bytes: Uint8Array, isLast: boolean): boolean {
    return this.#stream === undefined || this.#stream.sendData(bytes, isLast);
  }

  consumed(bytes: number): void {
    this.#stream?.consumed(bytes);
  }

  cancel(): void {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#stream?.reset(ErrorCode.CANCEL);
    }
  }

  #onOpen(): void {
    if (!this.#isOver) {
      this.#listener.onOpen();
    }
  }

  // What becomes of the stream (StreamListener).

  onInformation(): void {
    // no protocol has a use for what comes before the answer
  }

  onHead(head: ResponseHead): void {
    this.#hasHead = true;
    if (!this.#isOver) {
      this.#listener.onHead(head.status, head.fields);
    }
  }

  onData(bytes: Uint8Array): void {
    if (!this.#isOver) {
      this.#listener.onData(bytes);
    }
  }

  onTrailers(fields: readonly HeaderField[]): void {
    if (!this.#isOver) {
      this.#listener.onTrailers(fields);
    }
  }

  onEnd(): void {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#listener.onEnd();
    }
    if (this.#stream?.isLocalEnded === false) {
      this.#stream.reset(ErrorCode.NO_ERROR); // an answered call has no use for the rest of its request
    }
  }

  onDrain(): void {
    this.#listener.onRoom();
  }

  onClose(error: StreamError | undefined): void {
    this.#connection.onStreamClosed();
    if (error !== undefined) {
      this.#fail(this.#connection.errorOf(error), this.#fateOf(error));
    }
  }

  /** A peer that has begun to answer has acted on the request, whatever it says of it afterwards. */
  #fateOf({ isUnprocessed, byPeer }: StreamError): Fate {
    if (this.#stream === undefined && !byPeer) {
      return "unsent"; // its head is none that this peer takes
    }
    return isUnprocessed && !this.#hasHead ? "unprocessed" : "unknown";
  }

  #fail(error: ConnectError, fate: Fate): void {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#listener.onError(error, fate);
    }
  }
}
