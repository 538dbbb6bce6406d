import type { CallKind } from "./load-plan.ts";

/** How many messages a stream of a load has, in each of the ways that it has messages. */
export const STREAM_MESSAGES = 3;
/** What lies between two of them, in milliseconds. */
export const STREAM_PACE_MS = 25;

/** @throws Error where a call of this kind has not had as many answers as it should, though it went well */
export function expectReports(kind: CallKind, reports: number): void {
  const due = kind === "watch" || kind === "converse" ? STREAM_MESSAGES : 1;
  if (reports !== due) {
    throw new Error(`${kind} ended well with ${reports} of its ${due} answers`);
  }
}
