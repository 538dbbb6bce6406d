import { type Caller, startCaller } from "./caller-process.ts";

/** Callers that runs share, each for one at a time. Disposing ends them all. */
export interface CallerPool extends AsyncDisposable {
  /** Runs with a caller of its own; waits until one is free. */
  with<T>(use: (caller: Caller) => Promise<T>): Promise<T>;
  /** Runs while nothing else does. */
  alone<T>(use: (caller: Caller) => Promise<T>): Promise<T>;
}

/** @param size how many runs there may be at a time */
export function callerPool(size: number): CallerPool {
  const all = new Set<Caller>();
  const idle: Caller[] = [];
  const waiting: { readonly lanes: number; readonly begin: () => void }[] = [];
  let free = size;

  /** Whoever waits the longest is next, however much it needs. */
  function admit(): void {
    for (let next = waiting[0]; next !== undefined && next.lanes <= free; next = waiting[0]) {
      waiting.shift();
      free -= next.lanes;
      next.begin();
    }
  }

  async function occupy<T>(lanes: number, use: (caller: Caller) => Promise<T>): Promise<T> {
    await new Promise<void>((begin) => {
      waiting.push({ lanes, begin });
      admit();
    });
    const caller = idle.pop() ?? startCaller();
    all.add(caller);
    try {
      const result = await use(caller);
      idle.push(caller);
      return result;
    } catch (error) {
      // Whatever it still does would disturb the next run.
      all.delete(caller);
      await caller[Symbol.asyncDispose]();
      throw error;
    } finally {
      free += lanes;
      admit();
    }
  }

  return {
    with: (use) => occupy(1, use),
    alone: (use) => occupy(size, use),
    async [Symbol.asyncDispose]() {
      await Promise.all([...all].map((caller) => caller[Symbol.asyncDispose]()));
    },
  };
}
