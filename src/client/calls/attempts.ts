import type { ConnectError } from "@connectrpc/connect";
import { Rest } from "../attempts/rest.ts";
import { Retries, saysOverloaded } from "../attempts/retries.ts";
import { type Fate, NO_WISH, type PlacementWish } from "../connections/http-request.ts";
import type { Placement } from "../connections/placement.ts";
import { type AttemptSight, lastConnection, storyOf } from "./call-story.ts";
import type { FurtherAttempt } from "./further-attempt.ts";
import { throttled } from "./local-errors.ts";
import type { MethodCalls } from "./method-calls.ts";
import type { Outcome } from "./outcome.ts";
import type { CallTransportOptions } from "./transport-options.ts";

/** How a call is made, beside what it says. */
export interface CallManner {
  /** It is made for a call that is a retry itself. */
  readonly isForRetry: boolean;
  readonly waitForReady: boolean;
}

/** The attempts at one call, as far as unary calls and streams have them in common. */
export class Attempts {
  readonly #options: CallTransportOptions;
  readonly #calls: MethodCalls;
  readonly #manner: CallManner;
  #outcome: Outcome | undefined;
  /** Those that have failed. */
  #past: AttemptSight[] | undefined;
  /** Made with the first failure. */
  #retries: Retries | undefined;
  /** Until the next attempt. */
  #rest: Rest | undefined;
  /** Why no further attempt was made. */
  #note = "";

  constructor(options: CallTransportOptions, calls: MethodCalls, manner: CallManner) {
    this.#options = options;
    this.#calls = calls;
    this.#manner = manner;
  }

  /** Who is to know how the call went. To be set before anything else. */
  set outcome(outcome: Outcome) {
    this.#outcome = outcome;
  }

  get outcome(): Outcome {
    return this.#outcome as Outcome; // it is set before anything else
  }

  get isResting(): boolean {
    return this.#rest !== undefined;
  }

  /** What a further attempt says; undefined for the first. */
  get again(): FurtherAttempt | undefined {
    const { timeLeftMs } = this.outcome;
    return this.#retries && { previousAttempts: this.#retries.previousAttempts, timeLeftMs };
  }

  now(): number {
    return this.outcome.clock.now();
  }

  /** Begins. Gives an error where the call is not to be sent: the backends are overloaded. */
  admit(): ConnectError | undefined {
    const { policies, target } = this.#options;
    const { throttle, budget, sight } = policies;
    if (throttle?.admits() === false) {
      sight.tell("throttle", { url: this.#calls.url });
      return throttled(target.origin);
    }
    budget.onCall();
    return undefined;
  }

  /** How an attempt is to be placed; `failed` is where another has failed. */
  wish(failed: Placement | undefined): PlacementWish {
    const { waitForReady } = this.#manner;
    return failed === undefined && !waitForReady ? NO_WISH : { waitForReady, avoid: failed };
  }

  /** A server has taken the call. */
  onAccepted(): void {
    this.#options.policies.throttle?.onAnswer(false);
  }

  /** What an attempt has failed with. */
  errorOf(thrown: unknown): ConnectError {
    const error = this.outcome.errorOf(thrown);
    if (error.isWireError) {
      this.#options.policies.throttle?.onAnswer(saysOverloaded(error));
    }
    return error;
  }

  /** An attempt has failed that the call may outlive. */
  remember(sight: AttemptSight): void {
    this.#past ??= [];
    this.#past.push(sight);
  }

  /** The milliseconds after which the call is to be tried again; undefined where it is not. */
  afterFailure(error: ConnectError, fate: Fate, placement: Placement | undefined): number | undefined {
    const decision = this.#further().afterFailure({ error, fate, placement }, this.outcome.timeLeftMs);
    if (typeof decision === "number") {
      return decision;
    }
    this.#note = decision;
    return undefined;
  }

  /** See Retries. */
  takeHedge(delayMs?: number): boolean {
    return this.#further().takeHedge(delayMs);
  }

  /** Waits, unless {@link endRest} comes first; `then` is given an error where nothing may be tried any more. */
  rest(ms: number, then: (error: ConnectError | undefined) => void): void {
    this.#rest = new Rest(this.#options.policies.resting, this.outcome.clock, ms, (error) => {
      this.#rest = undefined;
      then(error);
    });
  }

  endRest(): void {
    this.#rest?.end();
  }

  /** Gives the error that the call fails with, and where its time went. */
  fail(thrown: unknown, underWay: readonly AttemptSight[]): ConnectError {
    return this.outcome.fail(thrown, (message) => {
      const { policies, targetName } = this.#options;
      const attempts = [...(this.#past ?? []), ...underWay];
      const notes = [this.#note, lastConnection(policies.lastConnectionError(), message)];
      return storyOf(targetName, this.outcome.startedAt, this.now(), attempts, message, notes);
    });
  }

  #further(): Retries {
    const { rules, url } = this.#calls;
    this.#retries ??= new Retries(rules, this.#options.policies, url, this.#manner.isForRetry);
    return this.#retries;
  }
}
