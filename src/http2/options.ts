import type { ConnectionError } from "./error-code.ts";
import type { WindowBudget } from "./flow-window.ts";
import type { Settings } from "./settings.ts";
import type { Stream, StreamListener } from "./stream.ts";

/** What a connection keeps to. Sizes in bytes, times in milliseconds. */
export interface ConnectionOptions {
  readonly role: "server" | "client";
  /** The time; any clock that goes on. */
  readonly now: number;
  /** Numbers from 0 to 1. */
  readonly random: () => number;
  /** Streams that the peer may have open. Server only. */
  readonly maxConcurrentStreams: number;
  /** The header list that is taken, by RFC 9113's measure (6.5.2). */
  readonly headerListBytes: number;
  /** What bodies may have waiting for the peer's windows before their senders are told to wait. */
  readonly outputBytes: number;
  /** What the peer may send on all streams before any of it is read. At least 65,535. */
  readonly connectionWindowBytes: number;
  /** How far a stream's window may grow. */
  readonly maxStreamWindowBytes: number;
  /** Memory that windows grow into, shared by the connections of a process. */
  readonly windowBudget: WindowBudget;
  /** What the peer has to acknowledge SETTINGS. */
  readonly settingsTimeoutMs: number;
  /** Silence after which the peer is sent a PING. */
  readonly keepaliveMs: number;
  /** Whether that is also done while no stream is open. */
  readonly keepaliveIdle: boolean;
  /** What the peer has to answer a PING. */
  readonly pingTimeoutMs: number;
  /** How long the connection may have no stream before the peer is told to leave. */
  readonly idleMs: number;
  /** Age at which the peer is told to leave, give or take a tenth, so that connections do not leave together. */
  readonly maxAgeMs: number;
}

/** What a connection tells its user. Nothing here may throw. */
export interface ConnectionListener {
  /** Something is to be written: `takeOutput` is to be called once in this turn. */
  onOutput(): void;
  /** Server: the peer has opened a stream. Returns who listens to it. */
  onStream(stream: Stream): StreamListener;
  /** The peer's settings have changed. */
  onPeerSettings(settings: Settings): void;
  /** The peer takes no further streams; those that it has not processed are closed as such. */
  onGoAway(code: number, debug: string): void;
  /** Once, and last. What waits is still to be written, and then the connection closed. */
  onOver(error: ConnectionError | undefined): void;
}
