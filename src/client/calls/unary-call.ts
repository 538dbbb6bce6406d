import type { Message } from "@bufbuild/protobuf";
import type { Code, ConnectError } from "@connectrpc/connect";
import type {
  AnswerFields,
  AnswerListener,
  Fate,
  HttpRequest,
  HttpTarget,
  PlacementWish,
  RequestHead,
} from "../connections/http-request.ts";
import type { Placement } from "../connections/placement.ts";
import type { AttemptSight } from "./call-story.ts";

/** The answer of a unary call. */
export interface UnaryAnswer {
  readonly header: Headers;
  readonly message: Message;
  readonly trailer: Headers;
}

/** Whose attempt a unary call is. */
export interface AttemptOwner {
  now(): number;
  onAnswered(attempt: UnaryCall, answer: UnaryAnswer): void;
  onFailed(attempt: UnaryCall, thrown: unknown, fate: Fate): void;
}

/** An attempt at a unary call under way: the listener to its answer. */
export abstract class UnaryCall implements AnswerListener {
  readonly #owner: AttemptOwner;
  #request: HttpRequest | undefined;
  #placement: Placement | undefined;
  #startedAt = 0;
  #headAt: number | undefined;
  #isOver = false;

  constructor(owner: AttemptOwner) {
    this.#owner = owner;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Where it is; undefined until it has a connection. */
  get placement(): Placement | undefined {
    return this.#placement;
  }

  /** @param body null where the request has none */
  start(target: HttpTarget, head: RequestHead, body: Uint8Array | null, wish: PlacementWish, now: number): void {
    this.#startedAt = now;
    try {
      this.#request = target.request(head, body, this, wish);
    } catch (error) {
      this.fail(error, "unsent");
    }
  }

  /** Gives it up; its owner is told nothing. `code` is what came of it, for whoever judges the backend. */
  cancel(code: Code): void {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#request?.cancel();
      this.#placement?.whenDone(code);
    }
  }

  /** Ends it, and its request. */
  fail(thrown: unknown, fate: Fate = "unknown"): void {
    if (this.#isOver) {
      return;
    }
    this.#isOver = true;
    this.#request?.cancel();
    this.#owner.onFailed(this, thrown, fate);
  }

  /** @param failure what it failed with; undefined where it was given up */
  sight(failure: string | undefined): AttemptSight {
    return {
      backend: this.#placement?.backend,
      startedAt: this.#startedAt,
      waited: this.#request?.waited,
      headAt: this.#headAt,
      until: this.#owner.now(),
      failure,
    };
  }

  onPlaced(placement: Placement): void {
    this.#placement = placement;
  }

  onOpen(): void {
    // the body is on its way
  }

  onRoom(): void {
    // nothing waits for it
  }

  onHead(status: number, fields: AnswerFields): void {
    this.#headAt = this.#owner.now();
    try {
      this.readHead(status, fields);
    } catch (error) {
      this.fail(error);
    }
  }

  onData(bytes: Uint8Array): void {
    this.#request?.consumed(bytes.length);
    if (this.#isOver) {
      return;
    }
    try {
      this.readBody(bytes);
    } catch (error) {
      this.fail(error);
    }
  }

  abstract onTrailers(fields: AnswerFields): void;

  onEnd(): void {
    if (this.#isOver) {
      return;
    }
    try {
      this.readEnd();
    } catch (error) {
      this.fail(error);
    }
  }

  onError(error: ConnectError, fate: Fate): void {
    this.fail(error, fate);
  }

  protected succeed(header: Headers, message: Message, trailer: Headers): void {
    if (this.#isOver) {
      return;
    }
    this.#isOver = true;
    this.#placement?.whenDone(undefined);
    this.#owner.onAnswered(this, { header, message, trailer });
  }

  // What differs by protocol. Each throws a ConnectError where the answer is wrong, or says that the call has failed.

  protected abstract readHead(status: number, fields: AnswerFields): void;
  protected abstract readBody(bytes: Uint8Array): void;
  protected abstract readEnd(): void;
}
