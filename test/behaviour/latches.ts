/** Named latches, by which a test decides when a handler goes on. */
export interface Latches {
  /** Resolves once `release` was called with this name, or had been; rejects with the reason when `signal` aborts. */
  wait(name: string, signal: AbortSignal): Promise<void>;
  release(name: string): void;
}

export function createLatches(): Latches {
  const latches = new Map<string, PromiseWithResolvers<void>>();
  const latch = (name: string) => {
    const known = latches.get(name) ?? Promise.withResolvers<void>();
    latches.set(name, known);
    return known;
  };
  return {
    wait: (name, signal) => Promise.race([latch(name).promise, aborted(signal)]),
    release: (name) => latch(name).resolve(),
  };
}

/** Rejects with the signal's reason once it aborts. */
export function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
  });
}
