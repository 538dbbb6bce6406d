import { unlessAborted } from "./unless-aborted.ts";

/** Has so much work under way at once, and no more. */
export interface Limiter {
  /**
   * Begins `work` once it is its turn, first come, first served. Work that was begun counts until it ends, also where
   * `signal` has ended the waiting for it.
   *
   * @throws the refusal where too many wait already; what `signal` is aborted with; what `work` throws
   */
  run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T>;
}

export interface LimiterOptions {
  readonly maxRunning: number;
  readonly maxWaiting: number;
  readonly refusal: () => Error;
}

export function createLimiter({ maxRunning, maxWaiting, refusal }: LimiterOptions): Limiter {
  const line = new Set<() => void>(); // in the order of their coming
  let running = 0;

  async function takeTurn(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (running < maxRunning) {
      running++;
      return;
    }
    if (line.size >= maxWaiting) {
      throw refusal();
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const leave = () => {
      line.delete(resolve);
      reject(signal.reason);
    };
    line.add(resolve);
    signal.addEventListener("abort", leave, { once: true });
    await promise.finally(() => signal.removeEventListener("abort", leave));
  }

  function passTurn(): void {
    const [next] = line;
    if (next === undefined) {
      running--;
    } else {
      line.delete(next);
      next();
    }
  }

  return {
    async run(work, signal) {
      await takeTurn(signal);
      if (signal.aborted) {
        passTurn(); // it was given the turn first
        throw signal.reason;
      }
      return unlessAborted(async () => {
        try {
          return await work();
        } finally {
          passTurn();
        }
      }, signal);
    },
  };
}
