import type { ConnectError } from "@connectrpc/connect";
import type { Clock } from "../../call/clock.ts";

/** Says where a call's time went, beside an error's message, which is not repeated. */
export type Story = (message: string) => string;

/** What becomes of a call, or of one request of it that an interceptor lets through. */
export interface Outcome {
  readonly clock: Clock;
  /** By the clock. */
  readonly startedAt: number;
  /** Milliseconds until the deadline; undefined where there is none. */
  readonly timeLeftMs: number | undefined;
  /** The head of a stream's answer has come. */
  beginStream(): void;
  succeed(): void;
  /** What was thrown, as the call's error: it is not over by that. */
  errorOf(thrown: unknown): ConnectError;
  /**
   * Gives the error that the call fails with.
   *
   * @param story where its time went, in words
   */
  fail(thrown: unknown, story?: Story): ConnectError;
}
