import type { CallKind } from "./load-plan.ts";

/** What became of one call. Times are of `nowMs`. */
export interface CallRecord {
  readonly id: number;
  readonly kind: CallKind;
  /** Whether it belongs to a burst. */
  readonly isOfBurst: boolean;
  readonly startedMs: number;
  readonly deadlineMs: number;
  /** Absent where it had not settled when the load was given up. */
  readonly settledMs?: number;
  /** `ok`, a code as gRPC writes them (`deadline_exceeded`), or `no rpc error` where it failed with anything else. */
  readonly code: string;
  readonly message?: string;
  /** How long the process was not there for its own timers, between the call's deadline and its end. */
  readonly absentMs: number;
}

/** What a caller tells of a load once its client is closed. */
export interface CallerReport {
  readonly calls: readonly CallRecord[];
  /** Uncaught exceptions and unhandled rejections. */
  readonly strays: readonly string[];
  /** The longest that the event loop kept a timer waiting. */
  readonly worstAbsenceMs: number;
  /** For what part of the load the event loop kept timers waiting, from 0 to 1. */
  readonly absentShare: number;
  /** What the client says of itself, as the load ended; absent where it says nothing. */
  readonly stats?: Readonly<Record<string, unknown>>;
  /** Sockets and timers that are still there once the client is closed. */
  readonly leftovers: readonly string[];
}
