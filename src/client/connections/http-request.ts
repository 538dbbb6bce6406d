import type { ConnectError } from "@connectrpc/connect";
import type { FieldLines, HeaderField, Lines } from "../../http2/index.ts";

// What a call needs of HTTP, whatever its version: a request is begun at a target, and a listener is told of the answer.

/** A field of an answer. */
export type AnswerField = Pick<HeaderField, "name" | "value">;
export type AnswerFields = readonly AnswerField[];

/** A request's head. */
export interface RequestHead {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** Pseudo-header fields first, as HTTP/2 has them (RFC 9113, 8.3.1). */
  readonly fields: FieldLines;
  /** Lines behind the fields. */
  readonly more: Lines | undefined;
}

/** What a request's sender is told. Nothing here may throw. */
export interface AnswerListener {
  /** Whatever is sent now goes out; not called where the request was begun with its body. */
  onOpen(): void;
  onHead(status: number, fields: AnswerFields): void;
  /** A part of the body. May be kept, must not be changed; has to be acknowledged by {@link HttpRequest.consumed}. */
  onData(bytes: Uint8Array): void;
  /** {@link onEnd} follows. */
  onTrailers(fields: AnswerFields): void;
  /** Last: the answer came whole. */
  onEnd(): void;
  /** There is room again, or no sense in waiting for it. */
  onRoom(): void;
  /** Last: there is no answer, or no more of it. */
  onError(error: ConnectError): void;
}

/** A request under way. */
export interface HttpRequest {
  /**
   * Sends a part of the body; the last part ends it.
   *
   * @returns false where no more should be sent until {@link AnswerListener.onRoom}
   */
  send(bytes: Uint8Array, isLast: boolean): boolean;
  /** Acknowledges bytes of the answer, so that as many more may come. */
  consumed(bytes: number): void;
  /** Breaks it off: the listener is told nothing more. */
  cancel(): void;
}

/** Where requests go. */
export interface HttpTarget {
  /** As in `http://localhost:50051`. */
  readonly origin: string;
  /**
   * Begins a request. With a body it is sent whole; with null it has none; with undefined it is sent in parts, from
   * {@link AnswerListener.onOpen} on.
   *
   * @throws ConnectError `unavailable` once the target is closed
   */
  request(head: RequestHead, body: Uint8Array | null | undefined, listener: AnswerListener): HttpRequest;
  /** Ends all that is under way, for good. */
  close(): void;
}
