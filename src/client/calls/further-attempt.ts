/** What a further attempt at a call tells the server. */
export interface FurtherAttempt {
  /** Attempts before it that a server may have seen. */
  readonly previousAttempts: number;
  /** Milliseconds until the deadline; undefined where there is none. */
  readonly timeLeftMs: number | undefined;
}
