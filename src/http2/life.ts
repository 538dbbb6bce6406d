import { MAX_STREAM_ID } from "./frame.ts";
import type { ConnectionOptions } from "./options.ts";

/** How long the announcement of a drain may take to come back, in milliseconds: then the final GOAWAY goes out anyway. */
const DRAIN_PING_MS = 1000;
/** Connections of the same age leave within this share of it, not all at once. */
const AGE_JITTER = 0.1;

/** Times of a connection. */
type LifeLimits = Pick<
  ConnectionOptions,
  "settingsTimeoutMs" | "keepaliveMs" | "keepaliveIdle" | "pingTimeoutMs" | "idleMs" | "maxAgeMs"
>;

/** What a connection has open at a moment. */
interface Moment {
  readonly streams: number;
  readonly settingsSentAt: number | undefined;
  readonly pingSentAt: number | undefined;
  readonly drainPingSentAt: number | undefined;
  /** What was written before waits for the network. */
  readonly isBlocked: boolean;
}

/** What is due. */
export type Due = "nothing" | "settings-timeout" | "ping-timeout" | "leave" | "leave-finally" | "ping";

/** A connection's times, and how far it is on its way out. */
export class Life {
  readonly #limits: LifeLimits;
  readonly #since: number;
  readonly #maxAgeMs: number;
  now: number;
  #heardAt: number;
  #hasHeard = false;
  #idleSince: number;
  /** How far the peer was told to leave (RFC 9113, 6.8). */
  leaving: "no" | "announced" | "final" = "no";
  /** The last stream of the peer's that is processed, once it was told. */
  finalStreamId = MAX_STREAM_ID;
  /** The peer takes no further streams. */
  peerLeaves = false;
  isOver = false;

  /** @param random from 0 to 1 */
  constructor(limits: LifeLimits, now: number, random: number) {
    this.#limits = limits;
    this.#since = now;
    this.now = now;
    this.#heardAt = now;
    this.#idleSince = now;
    this.#maxAgeMs = limits.maxAgeMs * (1 - AGE_JITTER + random * 2 * AGE_JITTER);
  }

  /** No stream of ours can be opened any more. */
  get isLeaving(): boolean {
    return this.isOver || this.peerLeaves || this.leaving !== "no";
  }

  /** Something came from the peer. */
  hear(): void {
    this.#hasHeard = true;
  }

  /** The last stream has ended. */
  becomeIdle(): void {
    this.#idleSince = this.now;
  }

  /** Lets time pass; returns how much has. */
  advance(now: number): number {
    const elapsedMs = now - this.now;
    this.now = now;
    if (this.#hasHeard) {
      this.#hasHeard = false;
      this.#heardAt = now;
    }
    return elapsedMs;
  }

  due({ streams, settingsSentAt, pingSentAt, drainPingSentAt, isBlocked }: Moment): Due {
    const { now } = this;
    const { settingsTimeoutMs, keepaliveMs, keepaliveIdle, pingTimeoutMs, idleMs } = this.#limits;
    if (settingsSentAt !== undefined && now - settingsSentAt > settingsTimeoutMs) {
      return "settings-timeout";
    }
    if (pingSentAt !== undefined && !isBlocked && now - pingSentAt > pingTimeoutMs) {
      return "ping-timeout";
    }
    if (this.leaving === "announced" && drainPingSentAt !== undefined && now - drainPingSentAt > DRAIN_PING_MS) {
      return "leave-finally";
    }
    const isIdleTooLong = streams === 0 && now - this.#idleSince > idleMs;
    if (this.leaving === "no" && (isIdleTooLong || now - this.#since > this.#maxAgeMs)) {
      return "leave";
    }
    const isSilent = !isBlocked && now - this.#heardAt > keepaliveMs;
    return isSilent && pingSentAt === undefined && (keepaliveIdle || streams > 0) ? "ping" : "nothing";
  }
}
