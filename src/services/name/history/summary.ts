import type { Clock } from "./clock.ts";

/** Tells of what may happen very often without telling each time. */
export interface Summary<T> {
  /** It happened; `detail` says how. */
  add(detail: T): void;
  /** Tells what was not told yet. */
  flush(): void;
  /** What was not told yet is not worth telling any longer. */
  forget(): void;
}

/**
 * Tells the first time at once, and from then on at most once in `intervalMs`.
 * @param tell is given how often it happened since it was told last, and the latest detail
 */
export function createSummary<T>(
  clock: Clock,
  intervalMs: number,
  tell: (count: number, latest: T) => void,
): Summary<T> {
  let untold: { readonly count: number; readonly latest: T } | undefined;
  let isPausing = false;

  function flush(): void {
    if (untold !== undefined) {
      const { count, latest } = untold;
      untold = undefined;
      tell(count, latest);
    }
  }

  function tellAndPause(): void {
    isPausing = untold !== undefined;
    if (isPausing) {
      flush();
      clock.schedule(intervalMs, tellAndPause);
    }
  }

  return {
    add(detail) {
      untold = { count: (untold?.count ?? 0) + 1, latest: detail };
      if (!isPausing) {
        tellAndPause();
      }
    },
    flush,
    forget() {
      untold = undefined;
    },
  };
}
