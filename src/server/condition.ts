/** Something that others wait for to hold. */
export interface Condition {
  /** Resolves as soon as it holds. */
  wait(): Promise<void>;
  /** Looks whether it holds now. To be called whenever that may have changed. */
  check(): void;
}

export function createCondition(holds: () => boolean): Condition {
  const waiting: (() => void)[] = [];
  return {
    wait: () => (holds() ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
    check() {
      if (waiting.length > 0 && holds()) {
        for (const resolve of waiting.splice(0)) {
          resolve();
        }
      }
    },
  };
}
