import type { DescMethodUnary, Message } from "@bufbuild/protobuf";
import { Code, ConnectError, type UnaryResponse } from "@connectrpc/connect";
import type {
  AnswerFields,
  AnswerListener,
  HttpRequest,
  HttpTarget,
  RequestHead,
} from "../connections/http-request.ts";
import type { Cuttable, Outcome } from "./call-life.ts";

/** Whoever waits for the answer. */
export interface Settle {
  readonly resolve: (response: UnaryResponse) => void;
  readonly reject: (error: ConnectError) => void;
}

/** A unary call under way, and the listener to its answer: one object, and the promise that it settles. */
export abstract class UnaryCall implements AnswerListener, Cuttable {
  readonly #method: DescMethodUnary;
  readonly #settle: Settle;
  #outcome: Outcome | undefined;
  #request: HttpRequest | undefined;
  #isOver = false;

  constructor(method: DescMethodUnary, settle: Settle) {
    this.#method = method;
    this.#settle = settle;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Who is to know how it went. */
  set outcome(outcome: Outcome) {
    this.#outcome = outcome;
  }

  /** @param body null where the request has none */
  start(target: HttpTarget, head: RequestHead, body: Uint8Array | null): void {
    if (this.#isOver) {
      return;
    }
    try {
      this.#request = target.request(head, body, this);
    } catch (error) {
      this.fail(error);
    }
  }

  cut(reason: ConnectError): void {
    this.fail(reason);
  }

  onOpen(): void {
    // the body is on its way
  }

  onRoom(): void {
    // nothing waits for it
  }

  onHead(status: number, fields: AnswerFields): void {
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

  onError(error: ConnectError): void {
    this.fail(error);
  }

  /** Ends the call, and its request. */
  fail(thrown: unknown): void {
    if (this.#isOver) {
      return;
    }
    this.#isOver = true;
    this.#request?.cancel();
    const { reject } = this.#settle;
    reject(this.#outcome?.fail(thrown) ?? ConnectError.from(thrown, Code.Internal));
  }

  protected succeed(header: Headers, message: Message, trailer: Headers): void {
    if (this.#isOver) {
      return;
    }
    this.#isOver = true;
    this.#outcome?.succeed();
    const method = this.#method;
    const { resolve } = this.#settle;
    resolve({ stream: false, service: method.parent, method, header, message, trailer });
  }

  // What differs by protocol. Each throws a ConnectError where the answer is wrong, or says that the call has failed.

  protected abstract readHead(status: number, fields: AnswerFields): void;
  protected abstract readBody(bytes: Uint8Array): void;
  protected abstract readEnd(): void;
}
