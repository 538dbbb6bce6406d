import type { ConnectError } from "@connectrpc/connect";
import type { FieldLines, HeaderField, Lines } from "../../http2/index.ts";
import type { Placement } from "./placement.ts";

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
  /** First: the request goes to this connection. Not called where the target has but one way to go. */
  onPlaced?(placement: Placement): void;
  /**
   * Whatever is sent now goes out. Called when whoever began the request has it; not where it was begun with its body.
   */
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
  onError(error: ConnectError, fate: Fate): void;
}

/**
 * What became of a request that has failed: `unsent`: it failed here, and nobody else has to do with it; `unprocessed`: the
 * peer cannot have acted on it (RFC 9113, 8.7), so that it may be sent again, whatever it is; `unknown`: it may have.
 */
export type Fate = "unsent" | "unprocessed" | "unknown";

/** A request under way. */
export interface HttpRequest {
  /** How long it waited for a connection, so far; undefined where it did not. */
  readonly waited?: Waited | undefined;
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

/** What a request waits for until it has a connection. */
export type WaitingStage = "resolving" | "connecting" | "waiting for a stream slot";

/** Milliseconds that a request has waited, by stage. */
export type Waited = Readonly<Record<WaitingStage, number>>;

/** How a request may be placed. */
export interface PlacementWish {
  /** Waits, as long as its call may, where no backend can be reached. */
  readonly waitForReady: boolean;
  /** Not there, if there is another: it failed there. */
  readonly avoid: Placement | undefined;
}

export const NO_WISH: PlacementWish = { waitForReady: false, avoid: undefined };

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
  request(
    head: RequestHead,
    body: Uint8Array | null | undefined,
    listener: AnswerListener,
    wish?: PlacementWish,
  ): HttpRequest;
  /** Ends all that is under way, for good. */
  close(): void;
}
