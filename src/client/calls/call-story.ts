import type { Waited } from "../connections/http-request.ts";

/** What is known of an attempt. Times by the call's clock. */
export interface AttemptSight {
  /** Where it went; undefined where it found no connection. */
  readonly backend: string | undefined;
  readonly startedAt: number;
  /** What it waited for until it had a connection; undefined where it did not. */
  readonly waited: Waited | undefined;
  /** When the head of its answer came, if it did. */
  readonly headAt: number | undefined;
  /** Until it ended, or now. */
  readonly until: number;
  /** What it failed with; undefined where it was given up. */
  readonly failure: string | undefined;
}

/**
 * Where the time of a call went, in words for whoever is on call: target, attempts, backends, and the stages that took time,
 * of which the last is the one that did not end well.
 *
 * @param message of the error that has this beside it: what it says is not repeated
 * @param notes empty ones are left out
 */
export function storyOf(
  target: string,
  startedAt: number,
  now: number,
  attempts: readonly AttemptSight[],
  message: string,
  notes: readonly string[],
): string {
  const took = ms(now - startedAt);
  const count = attempts.length === 1 ? "1 attempt" : `${attempts.length} attempts`;
  const parts = [
    `target ${target}`,
    attempts.length === 0 ? `${took} before the first attempt` : `${took} in ${count}`,
  ];
  for (const [index, attempt] of attempts.entries()) {
    if (index >= TOLD_FIRST && index < attempts.length - TOLD_LAST) {
      parts.push(...(index === TOLD_FIRST ? ["…"] : []));
      continue;
    }
    const words = attemptStory(attempt, attempt.failure === message ? undefined : attempt.failure);
    const before = attempts[index - 1];
    const pauseMs = before === undefined ? 0 : attempt.startedAt - before.until;
    const pause = pauseMs >= LEAST_MS ? `after ${ms(pauseMs)} ` : "";
    parts.push(attempts.length === 1 ? words : `attempt ${index + 1} ${pause}${words}`);
  }
  return [...parts, ...notes.filter((note) => note !== "")].join("; ");
}

/** The last failure to resolve or to connect, unless the error is about that. */
export function lastConnection(error: string | undefined, message: string): string {
  const isSaid = error === undefined || error.includes(message) || message.includes(error.replace(/, \d+ ms ago$/, ""));
  return isSaid ? "" : `last connection error: ${error}`;
}

/** Of many attempts these are told. */
const [TOLD_FIRST, TOLD_LAST] = [3, 2];
/** Stages that took less are not worth a word. */
const LEAST_MS = 0.5;

function attemptStory(
  { backend, startedAt, waited, headAt, until }: AttemptSight,
  failure: string | undefined,
): string {
  const stages: string[] = [];
  let placedAt = startedAt;
  for (const [stage, tookMs] of Object.entries(waited ?? {})) {
    placedAt += tookMs;
    if (tookMs >= LEAST_MS) {
      stages.push(`${stage} ${ms(tookMs)}`);
    }
  }
  if (backend !== undefined) {
    stages.push(`headers ${ms((headAt ?? until) - placedAt)}`);
    if (headAt !== undefined) {
      stages.push(`trailers ${ms(until - headAt)}`);
    }
  }
  const where = backend === undefined ? "found no backend" : `to ${backend}`;
  const staged = stages.length === 0 ? "" : `: ${stages.join(", ")}`;
  return `${where}${staged}${failure === undefined ? "" : `, failed: ${failure}`}`;
}

function ms(time: number): string {
  return `${Math.max(0, Math.round(time))} ms`;
}
