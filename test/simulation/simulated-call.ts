import { Code, ConnectError } from "@connectrpc/connect";
import type { Timer } from "../../src/call/clock.ts";
import type { AnswerListener, HttpRequest, RequestHead } from "../../src/client/connections/http-request.ts";
import { noPlaceLeft } from "../../src/client/connections/lost-connection.ts";
import type { VirtualClock } from "./virtual-clock.ts";

const GRPC = { name: "content-type", value: "application/grpc+proto" };

/** A call by gRPC as it reaches a simulated backend, which answers it by what is here. What comes too late goes nowhere. */
export class SimulatedCall implements HttpRequest {
  readonly #clock: VirtualClock;
  readonly #listener: AnswerListener;
  readonly #onOver: (call: SimulatedCall, hasHeard: boolean) => void;
  readonly #timers = new Set<Timer>();
  readonly path: string;
  readonly header: ReadonlyMap<string, string>;
  readonly startedAt: number;
  /** What came of the request's body. */
  readonly received: Uint8Array[] = [];
  /** The request came whole. */
  isWhole: boolean;
  /** It was answered, has failed, or was given up. */
  isOver = false;
  /** Its client has given it up. */
  isCancelled = false;
  #hasHead = false;

  /** @param onOver told once, and whether the client has heard of the backend thereby */
  constructor(
    clock: VirtualClock,
    { path, fields, more }: RequestHead,
    body: Uint8Array | null | undefined,
    listener: AnswerListener,
    onOver: (call: SimulatedCall, hasHeard: boolean) => void,
  ) {
    this.#clock = clock;
    this.#listener = listener;
    this.#onOver = onOver;
    this.path = path;
    this.header = new Map([...fields, ...(more ?? [])]);
    this.startedAt = clock.now();
    this.isWhole = body !== undefined;
    if (body !== undefined && body !== null) this.received.push(body);
  }

  /** The bytes that came, in one. */
  get body(): Buffer {
    return Buffer.concat(this.received);
  }

  /** The head of the answer. */
  head(): void {
    if (!this.isOver && !this.#hasHead) {
      this.#hasHead = true;
      this.#listener.onHead(200, [GRPC]);
    }
  }

  /** A part of the answer's body. */
  data(bytes: Uint8Array): void {
    this.head();
    if (!this.isOver) this.#listener.onData(bytes);
  }

  /** Answers with a message, in its envelope: by default with what was asked. */
  answer(envelope: Uint8Array = this.body): void {
    this.data(envelope);
    this.end(0);
  }

  /** Ends the answer with a status of gRPC, 0 for success. */
  end(status: number, metadata: Readonly<Record<string, string>> = {}): void {
    if (this.isOver) return;
    const fields = Object.entries({ "grpc-status": String(status), ...metadata }).map(([name, value]) => ({
      name,
      value,
    }));
    if (this.#hasHead) this.#listener.onTrailers(fields);
    else this.#listener.onHead(200, [GRPC, ...fields]);
    this.#finish(() => this.#listener.onEnd());
  }

  /** Refuses it unprocessed, as by REFUSED_STREAM. */
  refuse(): void {
    this.fail(new ConnectError("the peer has refused the stream", Code.Unavailable), true);
  }

  fail(error: ConnectError, isUnprocessed: boolean): void {
    const fate = isUnprocessed && !this.#hasHead ? "unprocessed" : "unknown";
    this.#finish(() => this.#listener.onError(error, fate));
  }

  /** Does something later, if the call is not over by then. */
  after(ms: number, then: () => void): void {
    const timer = this.#clock.schedule(ms, () => {
      this.#timers.delete(timer);
      then();
    });
    this.#timers.add(timer);
  }

  // The client's side (HttpRequest).

  /** Has the client send what is not sent with the head. */
  open(): void {
    if (!this.isWhole) queueMicrotask(() => this.#listener.onOpen());
  }

  /** It could not be begun. */
  reject(): void {
    this.fail(noPlaceLeft(), true);
  }

  send(bytes: Uint8Array, isLast: boolean): boolean {
    if (bytes.length > 0) this.received.push(bytes);
    this.isWhole ||= isLast;
    return true;
  }

  consumed(): void {
    // there is always room
  }

  cancel(): void {
    if (!this.isOver) {
      this.isCancelled = true;
      this.#finish(() => undefined, false);
    }
  }

  #finish(tell: () => void, hasHeard = true): void {
    if (this.isOver) return;
    this.isOver = true;
    for (const timer of this.#timers) timer.cancel();
    this.#onOver(this, hasHeard); // first, as a stream's place is free before its listener knows
    tell();
  }
}
