import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorCode, type HeaderField, type ResponseHead, type Stream, type StreamError } from "../../http2/index.ts";
import type { PendingStream } from "./client-connection-options.ts";
import type { AnswerListener, HttpRequest, RequestHead } from "./http-request.ts";
import type { ClientConnection } from "./http2-client-connection.ts";

/** Connections whose peer leaves at once, one after the other, until a call that waits gives up. */
const MAX_DISPLACEMENTS = 3;

/** A request over HTTP/2, and the listener to its stream. */
export class Http2Request implements HttpRequest, PendingStream {
  readonly fields: PendingStream["fields"];
  readonly more: PendingStream["more"];
  readonly endStream: boolean;
  place = -1;
  readonly #body: Uint8Array | undefined;
  readonly #listener: AnswerListener;
  /** Gives the connection for the next stream. */
  readonly #connect: () => ClientConnection;
  #connection: ClientConnection;
  #stream: Stream | undefined;
  #displacements = 0;
  /** The listener has heard the last: the answer came whole, there is none, or it is not wanted. */
  #isOver = false;

  constructor(
    connect: () => ClientConnection,
    head: RequestHead,
    body: Uint8Array | null | undefined,
    listener: AnswerListener,
  ) {
    this.fields = head.fields;
    this.more = head.more;
    this.endStream = body === null;
    this.#body = body ?? undefined;
    this.#listener = listener;
    this.#connect = connect;
    this.#connection = connect();
  }

  /** Opens the stream as soon as that is possible. */
  start(): void {
    this.#connection.open(this);
  }

  send(bytes: Uint8Array, isLast: boolean): boolean {
    return this.#stream === undefined || this.#stream.sendData(bytes, isLast);
  }

  consumed(bytes: number): void {
    this.#stream?.consumed(bytes);
  }

  cancel(): void {
    if (this.#isOver) {
      return;
    }
    this.#isOver = true;
    if (this.#stream === undefined) {
      this.#connection.withdraw(this);
    } else {
      this.#stream.reset(ErrorCode.CANCEL);
    }
  }

  // What becomes of the stream (PendingStream).

  onOpen(stream: Stream): void {
    this.#stream = stream;
    if (this.#body !== undefined) {
      stream.sendData(this.#body, true);
    } else if (!this.endStream) {
      this.#listener.onOpen();
    }
  }

  onDisplaced(error: ConnectError): void {
    if (this.#displacements++ >= MAX_DISPLACEMENTS) {
      this.#fail(error);
      return;
    }
    try {
      this.#connection = this.#connect();
    } catch (closed) {
      this.#fail(ConnectError.from(closed, Code.Unavailable));
      return;
    }
    this.start();
  }

  onUnopened(error: ConnectError): void {
    this.#fail(error);
  }

  onInformation(): void {
    // no protocol has a use for what comes before the answer
  }

  onHead(head: ResponseHead): void {
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
      this.#fail(this.#connection.errorOf(error));
    }
  }

  #fail(error: ConnectError): void {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#listener.onError(error);
    }
  }
}
