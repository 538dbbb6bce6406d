/** Counts up, and wakes who waits for a number. */
export interface Counter {
  add(): void;
  /** Resolves once it has counted to `count`, or has ended. */
  reach(count: number): Promise<void>;
  /** There will be no more: nobody waits from now on. */
  end(): void;
}

export function createCounter(): Counter {
  let counted = 0;
  let wake: (() => void) | undefined;
  return {
    add() {
      counted++;
      wake?.();
    },
    async reach(count) {
      while (counted < count) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    end() {
      counted = Number.POSITIVE_INFINITY;
      wake?.();
    },
  };
}
