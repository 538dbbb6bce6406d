/** The kinds of call of a load: by the method they call. */
export type CallKind = "idempotent" | "once" | "watch" | "converse";

/** Calls that are made at once, besides the steady ones. */
export interface Burst {
  readonly calls: number;
  readonly kind: CallKind;
  readonly timeoutMs: number;
  /** How long the backend takes for each unary call, in milliseconds; 0 for as long as it takes anyway. */
  readonly delayMs: number;
}

/** What a load is to be like. */
export interface LoadPlan {
  readonly callsPerSecond: number;
  /** What each unary call has, in milliseconds. */
  readonly unaryTimeoutMs: number;
  /** What each stream has, in milliseconds. */
  readonly streamTimeoutMs: number;
  /** Whose turn it is, over and over. */
  readonly turns: readonly CallKind[];
  /** What it begins with. Default: nothing. */
  readonly opening?: readonly Burst[];
}

/** Four unary calls of five, half of them of a method that must not run twice, and streams. */
export const STEADY: LoadPlan = {
  callsPerSecond: 50,
  unaryTimeoutMs: 500,
  streamTimeoutMs: 1000,
  turns: ["once", "idempotent", "watch", "idempotent", "once", "idempotent", "once", "converse", "once", "idempotent"],
};
