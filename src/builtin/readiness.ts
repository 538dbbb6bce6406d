import type { Logger } from "../call/logger.ts";

/**
 * Where a process is in its life, as far as its callers are concerned:
 * - `starting`: resources are being opened; no traffic yet
 * - `serving`: send traffic
 * - `draining`: the port still accepts and answers, but new traffic should go elsewhere
 * - `closing`: the port accepts no more; whatever only waits for news ends by itself
 */
export type ReadinessState = "starting" | "serving" | "draining" | "closing";

/**
 * Something that a service depends on, such as a store. It is met until it fails. While it fails the service is not ready,
 * and answers calls all the same: a condition refuses nothing. It may change at any time, also before the port is open and
 * after the stop.
 */
export interface Condition {
  /**
   * It fails, for a reason that goes to the log and to no caller: no secrets. Each of the first 5 reasons since it was met is
   * logged once as a warning; further ones, and those that come again, at `debug`.
   */
  fail(reason: string): void;
  /** It is met again; nothing where it did not fail. */
  clear(): void;
}

/** The one state that the health service, `/readyz` and the drain agree on. */
export interface Readiness {
  readonly state: ReadinessState;
  /** Whether traffic should come: `serving`, and no condition fails. */
  readonly isReady: boolean;
  /** The names of the conditions that fail, in the order in which they were made. */
  readonly failing: readonly string[];
  /** Whether calls to a service, by its full name, should come: `serving`, and no condition that names it fails. */
  serves(service: string): boolean;
  /**
   * Moves on to a state and tells every subscriber, before it returns. States only move forward: a call that goes back
   * or stays changes nothing, so that a slow start that ends after a stop signal cannot announce `serving` again.
   */
  set(state: ReadinessState): void;
  /**
   * Makes a condition, which is met. While it fails, so do `isReady` and the services that it names, by their full names.
   *
   * @throws Error where the name is not lower case letters, digits and hyphens, or is taken
   */
  condition(name: string, services: readonly string[]): Condition;
  /**
   * Calls the listener, which must not throw, after each change of the state and of a condition. The function returned
   * unsubscribes it.
   */
  subscribe(listener: () => void): () => void;
}

interface ConditionState {
  readonly services: readonly string[];
  /** Why it fails; undefined while it is met. */
  reason: string | undefined;
  /** The reasons that were warned of since it was met. */
  readonly warnedOf: Set<string>;
}

/** Reasons that are warned of while a condition fails: the first may say less than what comes behind it. */
const MAX_WARNINGS = 5;

const order = { starting: 0, serving: 1, draining: 2, closing: 3 } satisfies Record<ReadinessState, number>;
const NAME = /^[a-z][a-z0-9-]*$/;

/** A readiness that is `starting`. Its conditions log their changes. */
export function createReadiness(log: Logger): Readiness {
  // Maps each subscription, not each listener: a function that subscribes twice is called twice and leaves one by one.
  const subscriptions = new Map<symbol, () => void>();
  const conditions = new Map<string, ConditionState>();
  let current: ReadinessState = "starting";

  function tell(): void {
    for (const listener of [...subscriptions.values()]) listener();
  }

  function failing(): readonly (readonly [string, ConditionState])[] {
    return [...conditions].filter(([, { reason }]) => reason !== undefined);
  }

  return {
    get state() {
      return current;
    },
    get isReady() {
      return current === "serving" && failing().length === 0;
    },
    get failing() {
      return failing().map(([name]) => name);
    },
    serves(service) {
      return current === "serving" && !failing().some(([, { services }]) => services.includes(service));
    },
    set(state) {
      if (order[state] <= order[current]) return;
      current = state;
      tell();
    },
    condition(name, services) {
      if (!NAME.test(name)) {
        throw new Error(`"${name}" is no name for a condition; use lower case letters, digits and hyphens`);
      }
      if (conditions.has(name)) {
        throw new Error(`there are two conditions of the name "${name}"`);
      }
      const condition: ConditionState = { services, reason: undefined, warnedOf: new Set() };
      conditions.set(name, condition);
      return {
        fail(reason) {
          if (reason === condition.reason) return;
          const isNews = condition.reason === undefined;
          condition.reason = reason;
          const line = `action=condition, status=failing, condition=${name}, reason=${reason}`;
          if (condition.warnedOf.size < MAX_WARNINGS && !condition.warnedOf.has(reason)) {
            condition.warnedOf.add(reason);
            log.warn(line);
          } else {
            log.debug(line);
          }
          if (isNews) {
            tell();
          }
        },
        clear() {
          if (condition.reason === undefined) return;
          condition.reason = undefined;
          condition.warnedOf.clear();
          log.info(`action=condition, status=met, condition=${name}`);
          tell();
        },
      };
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
