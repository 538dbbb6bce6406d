import type { Socket } from "node:net";
import type { ConnectError } from "@connectrpc/connect";
import type { Clock } from "../../call/clock.ts";
import {
  type ConnectionOptions,
  type FieldLines,
  type Lines,
  type Stream,
  type StreamListener,
  WindowBudget,
} from "../../http2/index.ts";
import type { Waiting } from "../balancing/waiting-line.ts";

/** A stream to be opened; it listens to the stream from then on. */
export interface PendingStream extends StreamListener, Waiting {
  /** The request's head, pseudo-header fields first. */
  readonly fields: FieldLines;
  /** Lines behind the fields. */
  readonly more: Lines | undefined;
  /** The request has no body. */
  readonly endStream: boolean;
  onOpen(stream: Stream): void;
  /** It waited for a place when the peer said that it leaves: it may be opened on another connection. */
  onDisplaced(error: ConnectError): void;
  /** It was not opened, and will not be: the peer knows nothing of it. */
  onUnopened(error: ConnectError): void;
}

export interface ClientConnectionOptions {
  /** How errors name the target. */
  readonly origin: string;
  /** Begins to connect; see connectSocket. */
  readonly connect: (onReady: () => void) => Socket;
  readonly clock: Clock;
  /** What connecting, TLS and the peer's first SETTINGS may take together. */
  readonly connectTimeoutMs: number;
  /** Silence after which the peer is sent a PING, while streams are open. */
  readonly keepaliveMs: number;
  /** How long the connection stays while no stream is open. */
  readonly idleMs: number;
  /** Streams that may wait for the connection, or for the peer's limit. */
  readonly maxWaiting: number;
  /** Streams that the connection carries in its life: half of all identifiers are a client's (RFC 9113, 5.1.1). */
  readonly maxStreams: number;
  /** The peer has ended the connection for being asked too often whether it is there. */
  onTooManyPings(): void;
  /** Once: nothing is left of the connection. */
  onClosed(): void;
}

/** The header list of a response; what is longer ends its stream. */
const HEADER_LIST_BYTES = 64 * 1024;
/** What requests may have waiting for the peer's windows before they are told to wait. */
const OUTPUT_BYTES = 4 * 1024 * 1024;
/** What the peer may send on all streams before any of it is read. */
const CONNECTION_WINDOW_BYTES = 4 * 1024 * 1024;
const MAX_STREAM_WINDOW_BYTES = 4 * 1024 * 1024;
/** What the windows of all connections may grow by. */
const windowBudget = new WindowBudget(64 * 1024 * 1024);
const PING_TIMEOUT_MS = 10_000;

/** What the engine keeps to as a client. */
export function engineOptions(options: ClientConnectionOptions): ConnectionOptions {
  return {
    role: "client",
    now: options.clock.now(),
    random: Math.random,
    maxConcurrentStreams: 0,
    headerListBytes: HEADER_LIST_BYTES,
    outputBytes: OUTPUT_BYTES,
    connectionWindowBytes: CONNECTION_WINDOW_BYTES,
    maxStreamWindowBytes: MAX_STREAM_WINDOW_BYTES,
    windowBudget,
    settingsTimeoutMs: options.connectTimeoutMs,
    keepaliveMs: options.keepaliveMs,
    keepaliveIdle: false,
    pingTimeoutMs: PING_TIMEOUT_MS,
    idleMs: Number.POSITIVE_INFINITY, // the connection sees to it: nothing ticks while no stream is open
    maxAgeMs: Number.POSITIVE_INFINITY,
  };
}
