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
 */
export function storyOf(
  target: string,
  startedAt: number,
  now: number,
  attempts: readonly AttemptSight[],
  note: string,
  lastConnectionError: string | undefined,
): string {
  if (attempts.length === 0) {
    return `target ${target}; ${ms(now - startedAt)} before the first attempt`;
  }
  const count = attempts.length === 1 ? "1 attempt" : `${attempts.length} attempts`;
  const parts = [`target ${target}`, `${ms(now - startedAt)} in ${count}`];
  for (const [index, attempt] of attempts.entries()) {
    const before = attempts[index - 1];
    parts.push(attemptStory(attempt, index, attempts.length, before));
  }
  if (note !== "") {
    parts.push(note);
  }
  if (lastConnectionError !== undefined) {
    parts.push(`last connection error: ${lastConnectionError}`);
  }
  return parts.join("; ");
}

function attemptStory(
  { backend, startedAt, waited, headAt, until, failure }: AttemptSight,
  index: number,
  count: number,
  before: AttemptSight | undefined,
): string {
  const stages: string[] = [];
  let placedAt = startedAt;
  for (const [stage, took] of Object.entries(waited ?? {})) {
    placedAt += took;
    if (took >= 0.5) {
      stages.push(`${stage} ${ms(took)}`);
    }
  }
  if (backend !== undefined) {
    stages.push(`headers ${ms((headAt ?? until) - placedAt)}`);
    if (headAt !== undefined) {
      stages.push(`trailers ${ms(until - headAt)}`);
    }
  }
  const name = count === 1 ? "" : `attempt ${index + 1} `;
  const pause = before === undefined ? 0 : startedAt - before.until;
  const where = backend === undefined ? "found no backend" : `to ${backend}`;
  const paused = pause >= 0.5 ? `after ${ms(pause)} ` : "";
  const failed = failure === undefined || count === 1 ? "" : `, failed: ${failure}`;
  const staged = stages.length === 0 ? "" : `: ${stages.join(", ")}`;
  return `${name}${paused}${where}${staged}${failed}`;
}

function ms(time: number): string {
  return `${Math.max(0, Math.round(time))} ms`;
}
