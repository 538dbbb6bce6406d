import type { DescMethodUnary } from "@bufbuild/protobuf";
import { Code, type ConnectError, type UnaryResponse } from "@connectrpc/connect";
import { Rest } from "../attempts/rest.ts";
import { pushbackOf, Retries, saysOverloaded } from "../attempts/retries.ts";
import { type Fate, NO_WISH, type PlacementWish, type RequestHead } from "../connections/http-request.ts";
import { type AttemptSight, lastConnection, storyOf } from "./call-story.ts";
import { ConnectUnaryCall } from "./connect-unary-call.ts";
import { EnvelopeUnaryCall } from "./envelope-unary-call.ts";
import type { FurtherAttempt } from "./further-attempt.ts";
import { judgedCut } from "./judged-cut.ts";
import { throttled } from "./local-errors.ts";
import type { MethodCalls } from "./method-calls.ts";
import type { Outcome } from "./outcome.ts";
import type { CallTransportOptions } from "./transport-options.ts";
import type { AttemptOwner, UnaryAnswer, UnaryCall } from "./unary-call.ts";

/** Whoever waits for the answer. */
export interface Settle {
  readonly resolve: (response: UnaryResponse) => void;
  readonly reject: (error: ConnectError) => void;
}

/** What a unary call sends. */
export interface UnaryRequestParts {
  /** @param again what a further attempt says beside the first; undefined for the first */
  readonly head: (again: FurtherAttempt | undefined) => RequestHead;
  /** Null where the request has none. */
  readonly body: Uint8Array | null;
}

/**
 * A unary call: one attempt at it, or several, one after the other or beside each other, of which the first answer counts;
 * and the promise that it settles.
 */
export class UnaryAttempts implements AttemptOwner {
  readonly #options: CallTransportOptions;
  readonly #method: DescMethodUnary;
  readonly #calls: MethodCalls;
  readonly #isForRetry: boolean;
  readonly #waitForReady: boolean;
  readonly #settle: Settle;
  #outcome: Outcome | undefined;
  #parts: UnaryRequestParts | undefined;
  #underWay: readonly UnaryCall[] = [];
  #past: AttemptSight[] | undefined;
  #retries: Retries | undefined;
  /** Until the next attempt. */
  #rest: Rest | undefined;
  /** Why no further attempt was made. */
  #note = "";
  #isOver = false;

  /** @param isForRetry the call is made for one that is a retry itself */
  constructor(
    options: CallTransportOptions,
    method: DescMethodUnary,
    calls: MethodCalls,
    isForRetry: boolean,
    waitForReady: boolean,
    settle: Settle,
  ) {
    this.#options = options;
    this.#method = method;
    this.#calls = calls;
    this.#isForRetry = isForRetry;
    this.#waitForReady = waitForReady;
    this.#settle = settle;
  }

  /** Who is to know how it went. To be set before anything else. */
  set outcome(outcome: Outcome) {
    this.#outcome = outcome;
  }

  now(): number {
    return this.#known.clock.now();
  }

  start(parts: UnaryRequestParts): void {
    if (this.#isOver) {
      return;
    }
    this.#parts = parts;
    const { throttle, budget, sight } = this.#options.policies;
    if (throttle?.admits() === false) {
      sight.tell("throttle", { url: this.#calls.url });
      this.fail(throttled(this.#options.target.origin));
      return;
    }
    budget.onCall();
    this.#attempt(undefined, this.#known.startedAt);
    this.#hedgeLater();
  }

  cut(reason: ConnectError): void {
    if (!this.#isOver) {
      this.#finish(judgedCut(reason));
      this.#reject(reason);
    }
  }

  /** Fails it, with no regard to what might still be tried. */
  fail(thrown: unknown): void {
    if (!this.#isOver) {
      this.#finish(Code.Canceled);
      this.#reject(thrown);
    }
  }

  onAnswered(attempt: UnaryCall, { header, message, trailer }: UnaryAnswer): void {
    this.#options.policies.throttle?.onAnswer(false);
    this.#isOver = true;
    if (this.#rest !== undefined || this.#underWay.length > 1) {
      this.#drop(attempt);
      this.#finish(Code.Canceled);
    }
    this.#known.succeed();
    const method = this.#method;
    this.#settle.resolve({ stream: false, service: method.parent, method, header, message, trailer });
  }

  onFailed(attempt: UnaryCall, thrown: unknown, fate: Fate): void {
    const error = this.#known.errorOf(thrown);
    attempt.placement?.whenDone(fate === "unknown" ? error.code : Code.Canceled);
    if (error.isWireError) {
      this.#options.policies.throttle?.onAnswer(saysOverloaded(error));
    }
    if (this.#isOver) {
      return;
    }
    this.#drop(attempt);
    this.#past ??= [];
    this.#past.push(attempt.sight(error.rawMessage));
    if (this.#parts === undefined || this.#goesOn(attempt, error, fate)) {
      return;
    }
    this.#finish(Code.Canceled);
    this.#reject(thrown);
  }

  /** Whether something is still tried, or under way. */
  #goesOn(attempt: UnaryCall, error: ConnectError, fate: Fate): boolean {
    const retries = this.#furtherAttempts();
    const { placement } = attempt;
    const decision = retries.afterFailure({ error, fate, placement }, this.#known.timeLeftMs);
    if (typeof decision === "number") {
      this.#attemptAfter(decision, attempt);
      return true;
    }
    this.#note = decision;
    if (this.#calls.rules.hedging?.nonFatalCodes.has(error.code) !== true) {
      return false;
    }
    const pushback = pushbackOf(error);
    if (pushback !== undefined) {
      this.#rest?.end();
    }
    if (typeof pushback === "number" && this.#hedgeAfter(pushback, attempt)) {
      return true;
    }
    if (pushback === undefined && retries.takeHedge()) {
      this.#attempt(attempt, this.now());
    }
    return this.#underWay.length > 0;
  }

  #attemptAfter(delayMs: number, failed: UnaryCall): void {
    if (delayMs === 0) {
      this.#attempt(failed, this.now());
    } else {
      this.#restFor(delayMs, () => this.#attempt(failed, this.now()));
    }
  }

  /** Begins another attempt beside those under way, again and again while the method's policy has it so. */
  #hedgeLater(): void {
    const { hedging } = this.#calls.rules;
    if (hedging !== undefined && !this.#isOver) {
      this.#restFor(hedging.delayMs, () => {
        if (this.#furtherAttempts().takeHedge()) {
          this.#attempt(this.#underWay[0], this.now());
          this.#hedgeLater();
        }
      });
    }
  }

  /** Has the next attempt begin when the server says that it may; false where there is none. */
  #hedgeAfter(delayMs: number, failed: UnaryCall): boolean {
    const { timeLeftMs = Number.POSITIVE_INFINITY } = this.#known;
    if (delayMs >= timeLeftMs || !this.#furtherAttempts().takeHedge(delayMs)) {
      return false;
    }
    this.#restFor(delayMs, () => {
      this.#attempt(failed, this.now());
      this.#hedgeLater();
    });
    return true;
  }

  #restFor(delayMs: number, then: () => void): void {
    this.#rest = new Rest(this.#options.policies.resting, this.#known.clock, delayMs, (error) => {
      this.#rest = undefined;
      if (error === undefined) {
        then();
      } else {
        this.fail(error);
      }
    });
  }

  /** @param failed an attempt whose backend is better avoided */
  #attempt(failed: UnaryCall | undefined, now: number): void {
    if (this.#isOver) {
      return; // whoever listens to the channel's events may have ended it
    }
    const { target } = this.#options;
    const { head, body } = this.#parts as UnaryRequestParts; // it has begun
    const again = this.#retries && {
      previousAttempts: this.#retries.previousAttempts,
      timeLeftMs: this.#known.timeLeftMs,
    };
    const attempt = createUnaryCall(this.#options, this.#calls, this);
    this.#underWay = this.#underWay.length === 0 ? [attempt] : [...this.#underWay, attempt];
    const wish = failed === undefined && !this.#waitForReady ? NO_WISH : this.#wish(failed);
    attempt.start(target, head(again), body, wish, now);
  }

  #wish(failed: UnaryCall | undefined): PlacementWish {
    return { waitForReady: this.#waitForReady, avoid: failed?.placement };
  }

  #furtherAttempts(): Retries {
    const { rules, url } = this.#calls;
    this.#retries ??= new Retries(rules, this.#options.policies, url, this.#isForRetry);
    return this.#retries;
  }

  #drop(attempt: UnaryCall): void {
    this.#underWay = this.#underWay.filter((other) => other !== attempt);
  }

  /** Nothing further is tried, and what is under way is given up. */
  #finish(code: Code): void {
    this.#isOver = true;
    this.#rest?.end();
    for (const attempt of this.#underWay) {
      attempt.cancel(code);
    }
  }

  #reject(thrown: unknown): void {
    const { reject } = this.#settle;
    reject(this.#known.fail(thrown, (message) => this.#story(message)));
  }

  #story(message: string): string {
    const { policies, targetName } = this.#options;
    const attempts = [...(this.#past ?? []), ...this.#underWay.map((attempt) => attempt.sight(undefined))];
    const notes = [this.#note, lastConnection(policies.lastConnectionError(), message)];
    return storyOf(targetName, this.#known.startedAt, this.now(), attempts, message, notes);
  }

  get #known(): Outcome {
    return this.#outcome as Outcome; // it is set before anything else
  }
}

function createUnaryCall(
  { protocol, format, readMaxBytes }: CallTransportOptions,
  { output }: MethodCalls,
  owner: AttemptOwner,
): UnaryCall {
  return protocol === "connect"
    ? new ConnectUnaryCall(format === "binary", output, readMaxBytes, owner)
    : new EnvelopeUnaryCall(protocol === "grpc-web", output, readMaxBytes, owner);
}
