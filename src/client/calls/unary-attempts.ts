import type { DescMethodUnary } from "@bufbuild/protobuf";
import { Code, type ConnectError, type UnaryResponse } from "@connectrpc/connect";
import { pushbackOf } from "../attempts/retries.ts";
import type { Fate, RequestHead } from "../connections/http-request.ts";
import { Attempts, type CallManner } from "./attempts.ts";
import { ConnectUnaryCall } from "./connect-unary-call.ts";
import { EnvelopeUnaryCall } from "./envelope-unary-call.ts";
import type { FurtherAttempt } from "./further-attempt.ts";
import { judgedCut } from "./judged-cut.ts";
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
  readonly #settle: Settle;
  readonly #attempts: Attempts;
  #parts: UnaryRequestParts | undefined;
  #underWay: readonly UnaryCall[] = [];
  #isOver = false;

  constructor(
    options: CallTransportOptions,
    method: DescMethodUnary,
    calls: MethodCalls,
    manner: CallManner,
    settle: Settle,
  ) {
    this.#options = options;
    this.#method = method;
    this.#calls = calls;
    this.#settle = settle;
    this.#attempts = new Attempts(options, calls, manner);
  }

  /** Who is to know how it went. To be set before anything else. */
  set outcome(outcome: Outcome) {
    this.#attempts.outcome = outcome;
  }

  now(): number {
    return this.#attempts.now();
  }

  start(parts: UnaryRequestParts): void {
    if (this.#isOver) {
      return;
    }
    this.#parts = parts;
    const refusal = this.#attempts.admit();
    if (refusal !== undefined) {
      this.fail(refusal);
      return;
    }
    this.#attempt(undefined, this.#attempts.outcome.startedAt);
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
    this.#attempts.onAccepted();
    this.#isOver = true;
    if (this.#attempts.isResting || this.#underWay.length > 1) {
      this.#drop(attempt);
      this.#finish(Code.Canceled);
    }
    this.#attempts.outcome.succeed();
    const method = this.#method;
    this.#settle.resolve({ stream: false, service: method.parent, method, header, message, trailer });
  }

  onFailed(attempt: UnaryCall, thrown: unknown, fate: Fate): void {
    const error = this.#attempts.errorOf(thrown);
    attempt.placement?.whenDone(fate === "unknown" ? error.code : Code.Canceled);
    if (this.#isOver) {
      return;
    }
    this.#drop(attempt);
    this.#attempts.remember(attempt.sight(error.rawMessage));
    if (this.#parts === undefined || this.#goesOn(attempt, error, fate)) {
      return;
    }
    this.#finish(Code.Canceled);
    this.#reject(thrown);
  }

  /** Whether something is still tried, or under way. */
  #goesOn(attempt: UnaryCall, error: ConnectError, fate: Fate): boolean {
    const delayMs = this.#attempts.afterFailure(error, fate, attempt.placement);
    if (delayMs !== undefined) {
      this.#attemptAfter(delayMs, attempt);
      return true;
    }
    if (this.#calls.rules.hedging?.nonFatalCodes.has(error.code) !== true) {
      return false;
    }
    const pushback = pushbackOf(error);
    if (pushback !== undefined) {
      this.#attempts.endRest();
    }
    if (typeof pushback === "number" && this.#hedgeAfter(pushback, attempt)) {
      return true;
    }
    if (pushback === undefined && this.#attempts.takeHedge()) {
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
        if (this.#attempts.takeHedge()) {
          this.#attempt(this.#underWay[0], this.now());
          this.#hedgeLater();
        }
      });
    }
  }

  /** Has the next attempt begin when the server says that it may; false where there is none. */
  #hedgeAfter(delayMs: number, failed: UnaryCall): boolean {
    const { timeLeftMs = Number.POSITIVE_INFINITY } = this.#attempts.outcome;
    if (delayMs >= timeLeftMs || !this.#attempts.takeHedge(delayMs)) {
      return false;
    }
    this.#restFor(delayMs, () => {
      this.#attempt(failed, this.now());
      this.#hedgeLater();
    });
    return true;
  }

  #restFor(delayMs: number, then: () => void): void {
    if (this.#isOver) {
      return; // see #attempt
    }
    this.#attempts.rest(delayMs, (error) => {
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
    const { head, body } = this.#parts as UnaryRequestParts; // it has begun
    const attempt = createUnaryCall(this.#options, this.#calls, this);
    this.#underWay = this.#underWay.length === 0 ? [attempt] : [...this.#underWay, attempt];
    const wish = this.#attempts.wish(failed?.placement);
    attempt.start(this.#options.target, head(this.#attempts.again), body, wish, now);
  }

  #drop(attempt: UnaryCall): void {
    this.#underWay = this.#underWay.filter((other) => other !== attempt);
  }

  /** Nothing further is tried, and what is under way is given up. */
  #finish(code: Code): void {
    this.#isOver = true;
    this.#attempts.endRest();
    for (const attempt of this.#underWay) {
      attempt.cancel(code);
    }
  }

  #reject(thrown: unknown): void {
    const { reject } = this.#settle;
    const underWay = this.#underWay.map((attempt) => attempt.sight(undefined));
    reject(this.#attempts.fail(thrown, underWay));
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
