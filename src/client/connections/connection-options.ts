import type { Socket } from "node:net";
import type { Clock } from "../../call/clock.ts";

/** What a connection keeps to. Times in milliseconds. */
export interface ConnectionOptions {
  /** How errors name the target, as in `http://localhost:50051`. */
  readonly origin: string;
  /** Begins to connect; see connectSocket. */
  readonly connect: (onReady: () => void) => Socket;
  readonly clock: Clock;
  /** What connecting, TLS and the peer's first SETTINGS may take together. */
  readonly connectTimeoutMs: number;
  /** Silence after which the peer is sent a PING, while streams are open. */
  readonly keepaliveMs: number;
  /** How long the connection stays without a call. */
  readonly idleMs: number;
  /** Streams that the connection carries in its life: half of all identifiers are a client's (RFC 9113, 5.1.1). */
  readonly maxStreams: number;
  /** The peer finds that it is asked too often whether it is there. */
  onTooManyPings(): void;
}
