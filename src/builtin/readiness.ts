/**
 * Where a process is in its life, as far as its callers are concerned:
 * - `starting`: resources are being opened; no traffic yet
 * - `serving`: send traffic
 * - `draining`: the port still accepts and answers, but new traffic should go elsewhere
 * - `closing`: the port accepts no more; whatever only waits for news ends by itself
 */
export type ReadinessState = "starting" | "serving" | "draining" | "closing";

/** The one state that the health service, `/readyz` and the drain agree on. */
export interface Readiness {
  readonly state: ReadinessState;
  /**
   * Moves on to a state and tells every subscriber, before it returns. States only move forward: a call that goes back
   * or stays changes nothing, so that a slow start that ends after a stop signal cannot announce `serving` again.
   */
  set(state: ReadinessState): void;
  /** Calls the listener, which must not throw, after each change. The function returned unsubscribes it. */
  subscribe(listener: (state: ReadinessState) => void): () => void;
}

const order = { starting: 0, serving: 1, draining: 2, closing: 3 } satisfies Record<ReadinessState, number>;

/** A readiness that is `starting`. */
export function createReadiness(): Readiness {
  // Maps each subscription, not each listener: a function that subscribes twice is called twice and leaves one by one.
  const subscriptions = new Map<symbol, (state: ReadinessState) => void>();
  let current: ReadinessState = "starting";
  return {
    get state() {
      return current;
    },
    set(state) {
      if (order[state] <= order[current]) return;
      current = state;
      for (const listener of [...subscriptions.values()]) listener(state);
    },
    subscribe(listener) {
      const subscription = Symbol("subscription");
      subscriptions.set(subscription, listener);
      return () => {
        subscriptions.delete(subscription);
      };
    },
  };
}
