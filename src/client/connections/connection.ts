import type { ConnectError } from "@connectrpc/connect";
import type { Address } from "../resolving/resolver.ts";
import type { AnswerListener, HttpRequest, RequestHead } from "./http-request.ts";

// What a backend's connections have in common, whatever they speak: HTTP/2 with as many calls at once as the peer takes, or
// HTTP/1.1 with one.

/** Where a connection is in its life. */
export type ConnectionState = "connecting" | "ready" | "draining" | "closed";

export interface Connection {
  readonly state: ConnectionState;
  /** How many calls it takes beside those that it has: 0 unless it is ready. */
  readonly room: number;
  /** How many calls the peer takes at once, as far as that is known. */
  readonly maxCalls: number;
  readonly activeCalls: number;
  /** Nothing comes or goes any more, though its end may not have been told yet. */
  readonly isOver: boolean;
  /** Counts whatever came from the peer: while it stays the same the peer was silent. */
  readonly heard: number;
  /** Begins a request. To be called only while there is {@link room}; see HttpTarget. */
  request(head: RequestHead, body: Uint8Array | null | undefined, listener: AnswerListener): HttpRequest;
  /** Asks the peer for a sign of life, if there is a way to. */
  ping(): void;
  /** Takes no further calls, and ends when those that it has do. */
  drain(): void;
  /** Ends it and its calls at once. */
  close(reason: string): void;
}

/** What a connection tells its owner. Nothing here may throw. */
export interface ConnectionListener {
  /** Once: calls may be made. */
  onReady(): void;
  /** There is, or may be, room for another call. */
  onRoom(): void;
  /** Once: it takes no further calls. `reason` where the peer said so; otherwise it has done what it was made for. */
  onDraining(reason: string | undefined): void;
  /** Once, and last: nothing is left of it. */
  onClosed(error: ConnectError): void;
}

/** Begins to connect to a backend; `isFurther` where it has a connection already, so that this one need not stay for long. */
export type Connect = (address: Address, listener: ConnectionListener, isFurther: boolean) => Connection;
