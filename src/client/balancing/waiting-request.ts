import { Code, ConnectError } from "@connectrpc/connect";
import type { AnswerListener, HttpRequest, PlacementWish, RequestHead, Waited } from "../connections/http-request.ts";
import { type StageClock, waitedBetween } from "./stage-clock.ts";
import type { Waiting } from "./waiting-line.ts";

/** A request that waits for a connection; once it has one, it is what it is there. */
export class WaitingRequest implements HttpRequest, Waiting {
  place = -1;
  readonly head: RequestHead;
  readonly body: Uint8Array | null | undefined;
  readonly listener: AnswerListener;
  readonly wish: PlacementWish;
  readonly #stages: StageClock;
  readonly #before: Waited;
  readonly #withdraw: (request: WaitingRequest) => void;
  #waited: Waited | undefined;
  #placed: HttpRequest | undefined;
  #isOver = false;

  constructor(
    head: RequestHead,
    body: Uint8Array | null | undefined,
    listener: AnswerListener,
    wish: PlacementWish,
    stages: StageClock,
    withdraw: (request: WaitingRequest) => void,
  ) {
    this.head = head;
    this.body = body;
    this.listener = listener;
    this.wish = wish;
    this.#stages = stages;
    this.#before = stages.read();
    this.#withdraw = withdraw;
  }

  get waited(): Waited {
    return this.#waited ?? waitedBetween(this.#before, this.#stages.read());
  }

  /** Its turn has come. */
  start(begin: () => HttpRequest): void {
    this.#waited = this.waited;
    try {
      this.#placed = begin();
    } catch (error) {
      this.fail(ConnectError.from(error, Code.Internal));
      return;
    }
    if (this.#isOver) {
      this.#placed.cancel(); // its listener wanted no more as it was begun
    }
  }

  /** It waits no longer, and gets no connection. */
  fail(error: ConnectError): void {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#waited = this.waited;
      this.listener.onError(error, "unsent");
    }
  }

  send(bytes: Uint8Array, isLast: boolean): boolean {
    return this.#placed?.send(bytes, isLast) ?? true;
  }

  consumed(bytes: number): void {
    this.#placed?.consumed(bytes);
  }

  cancel(): void {
    if (this.#placed !== undefined) {
      this.#placed.cancel();
    } else if (!this.#isOver) {
      this.#isOver = true;
      this.#waited = this.waited;
      if (this.place !== -1) {
        this.#withdraw(this); // what has failed as it was begun waits no longer
      }
    }
  }
}
