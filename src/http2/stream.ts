import type { StreamError } from "./error-code.ts";
import type { RequestHead, ResponseHead } from "./fields.ts";
import { ReceiveWindow, SendWindow } from "./flow-window.ts";
import type { HeaderField } from "./header-field.ts";

/** Names, in lower case, and values, in order, pseudo-header fields first; a Headers object is such. */
export type FieldLines = Iterable<readonly [name: string, value: string]>;
export type Lines = readonly (readonly [name: string, value: string])[];

/** What a stream's user is told. Nothing here may throw. */
export interface StreamListener {
  /** Client: the final response's head. */
  onHead(head: ResponseHead): void;
  /** Client: an interim response's head, 1xx but 101. */
  onInformation(head: ResponseHead): void;
  /**
   * A part of the body. May be kept, must not be changed; has to be acknowledged by {@link Stream.consumed}. Where `isLast`,
   * {@link onEnd} follows before the engine returns: who needs the bytes no longer than that need not copy them.
   */
  onData(bytes: Uint8Array, isLast: boolean): void;
  /** The trailers; {@link onEnd} follows. */
  onTrailers(fields: readonly HeaderField[]): void;
  /** The peer has ended its side. */
  onEnd(): void;
  /** {@link Stream.sendData} had returned false: there is room again. */
  onDrain(): void;
  /** Once, and last. Undefined where both sides ended in order. */
  onClose(error: StreamError | undefined): void;
}

/** What a stream needs of its connection. */
export interface StreamCarrier {
  sendHead(stream: Stream, fields: FieldLines, endStream: boolean, more?: Lines): void;
  sendData(stream: Stream, bytes: Uint8Array, endStream: boolean): boolean;
  sendTrailers(stream: Stream, fields: FieldLines): void;
  consumed(stream: Stream, bytes: number): void;
  reset(stream: Stream, code: number): void;
}

/** What waits on a stream for the windows to open. */
export interface SendQueue {
  readonly pieces: Uint8Array[];
  endStream: boolean;
  /** Sent behind the pieces. */
  trailers: FieldLines | undefined;
}

/** One request and its answer (RFC 9113, 5). Whatever is sent on a closed stream goes nowhere. */
export class Stream {
  readonly id: number;
  /** Server: the request's head. */
  readonly head: RequestHead | undefined;
  /** Server: the request's header list is larger than is taken, and {@link head} is not all of it. */
  readonly isHeadTooLarge: boolean;
  listener: StreamListener = IGNORING;
  readonly #carrier: StreamCarrier;

  // The state (RFC 9113, 5.1): open, half-closed (remote), half-closed (local), closed. The connection keeps it.
  isRemoteEnded = false;
  isLocalEnded = false;
  isClosed = false;

  // The connection's account of the stream.
  readonly sendWindow: SendWindow;
  readonly receiveWindow: ReceiveWindow;
  /** Bytes that the body has by the head's content-length; undefined where it says nothing. */
  declaredBytes: number | undefined;
  receivedBytes = 0;
  queue: SendQueue | undefined;
  /** Bytes that wait for the windows to open. */
  pendingBytes = 0;
  /** When it was opened, by the connection's clock, which goes on about once a second; in milliseconds. */
  readonly openedAt: number;
  /** A part of a body has come or gone since the clock last went on, and when that was so last. */
  hasMoved = true;
  movedAt: number;
  /** The response has its final head (client). */
  hasHead = false;
  /** Client: the request is a HEAD, whose answer has no body (RFC 9110, 9.3.2). */
  readonly isHeadRequest: boolean;

  constructor(
    carrier: StreamCarrier,
    id: number,
    head: RequestHead | undefined,
    isHeadTooLarge: boolean,
    isHeadRequest: boolean,
    sendBytes: number,
    receiveBytes: number,
    now: number,
  ) {
    this.#carrier = carrier;
    this.id = id;
    this.head = head;
    this.isHeadTooLarge = isHeadTooLarge;
    this.isHeadRequest = isHeadRequest;
    this.declaredBytes = head?.contentLength;
    this.openedAt = now;
    this.movedAt = now;
    this.sendWindow = new SendWindow(sendBytes);
    this.receiveWindow = new ReceiveWindow(receiveBytes);
  }

  /** Sends an interim response (RFC 9110, 15.2), `:status` first. */
  sendInformation(fields: FieldLines): void {
    this.#carrier.sendHead(this, fields, false);
  }

  /**
   * Sends the head, `:status` first; ends our side where `endStream`. A FieldBlock is encoded once for each connection.
   *
   * @param more lines behind the fields
   */
  sendHead(fields: FieldLines, endStream: boolean, more?: Lines): void {
    this.#carrier.sendHead(this, fields, endStream, more);
  }

  /**
   * Sends a part of the body, as the windows allow, in order. The bytes must not be changed afterwards.
   *
   * @returns false where no more should be sent until {@link StreamListener.onDrain}
   */
  sendData(bytes: Uint8Array, endStream: boolean): boolean {
    return this.#carrier.sendData(this, bytes, endStream);
  }

  /** Sends trailers behind what was sent, and ends our side. */
  sendTrailers(fields: FieldLines): void {
    this.#carrier.sendTrailers(this, fields);
  }

  /** Ends the stream at once; what waits to be sent is dropped. */
  reset(code: number): void {
    this.#carrier.reset(this, code);
  }

  /** Acknowledges bytes of the body, so that the peer may send as many more. */
  consumed(bytes: number): void {
    this.#carrier.consumed(this, bytes);
  }
}

/** Listens to a stream that nobody wants. */
export const IGNORING: StreamListener = {
  onHead: ignore,
  onInformation: ignore,
  onData: ignore,
  onTrailers: ignore,
  onEnd: ignore,
  onDrain: ignore,
  onClose: ignore,
};

function ignore(): void {
  // nobody wants it
}
