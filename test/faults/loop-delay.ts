import { nowMs } from "./monotonic.ts";

const EVERY_MS = 5;

/** How late this process's timers are: what a busy machine adds to everything that is measured here. */
export interface LoopDelay extends Disposable {
  /** For how long the event loop was not there for a timer between two times of `nowMs`. */
  between(fromMs: number, toMs: number): number;
  worst(): number;
}

/** Measures by a timer that should come every 5 ms. */
export function watchLoopDelay(): LoopDelay {
  const absences: { readonly fromMs: number; readonly toMs: number }[] = [];
  let dueMs = nowMs() + EVERY_MS;
  let timer: NodeJS.Timeout;
  const tick = () => {
    const now = nowMs();
    if (now > dueMs + 1) absences.push({ fromMs: dueMs, toMs: now });
    dueMs = now + EVERY_MS;
    timer = setTimeout(tick, EVERY_MS);
  };
  timer = setTimeout(tick, EVERY_MS);
  return {
    between: (fromMs, toMs) =>
      absences.reduce((sum, absence) => {
        return sum + Math.max(0, Math.min(absence.toMs, toMs) - Math.max(absence.fromMs, fromMs));
      }, 0),
    worst: () => absences.reduce((worst, { fromMs, toMs }) => Math.max(worst, toMs - fromMs), 0),
    [Symbol.dispose]: () => clearTimeout(timer),
  };
}
