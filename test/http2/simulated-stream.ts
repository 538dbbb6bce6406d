import type { HeaderField, ResponseHead, Stream, StreamError, StreamListener } from "../../src/http2/index.ts";
import { bodyPart, isBodyPart } from "./body.ts";

/** What one side is going to send on a stream. */
export interface MessagePlan {
  readonly head: readonly (readonly [name: string, value: string])[];
  readonly interim: number;
  /** Sizes of the parts of the body. */
  readonly parts: readonly number[];
  readonly trailers: readonly (readonly [name: string, value: string])[] | undefined;
  /** The body ends with its last part, not with an empty one behind it. */
  readonly endsWithLastPart: boolean;
}

/** What both sides of a link know of a stream. */
export interface StreamLedger {
  /** The server has heard of it. */
  isProcessed: boolean;
  /** What the message was when it was ended in order; undefined before. */
  request: { readonly bytes: number; readonly trailers: string | undefined } | undefined;
  response: { readonly bytes: number; readonly trailers: string | undefined } | undefined;
}

/** One side's use of a stream: sends what is planned, and checks all that it is told. */
export class SimulatedStream implements StreamListener {
  readonly stream: Stream;
  readonly problems: string[] = [];
  readonly #plan: MessagePlan;
  readonly #ledger: StreamLedger;
  readonly #isServer: boolean;
  /** Called with whatever comes, behind the checks; the stream may have closed. */
  onEvent: (event: "data" | "end" | "drain" | "close") => void = () => undefined;
  unread = 0;
  #received = 0;
  #sent = 0;
  #partsSent = 0;
  #hasBegun: boolean;
  #hasEnded: boolean;
  isHeld = false;
  hasHead = false;
  #trailers: string | undefined;
  isRemoteEnded = false;
  closes = 0;
  error: StreamError | undefined;

  constructor(
    stream: Stream,
    plan: MessagePlan,
    ledger: StreamLedger,
    isServer: boolean,
    hasBegun: boolean,
    hasEnded: boolean,
  ) {
    this.stream = stream;
    this.#plan = plan;
    this.#ledger = ledger;
    this.#isServer = isServer;
    this.#hasBegun = hasBegun;
    this.#hasEnded = hasEnded;
    stream.listener = this;
  }

  get isSent(): boolean {
    return this.#hasEnded;
  }

  /** Sends the next part of the plan. */
  advance(): void {
    const { stream } = this;
    if (this.#hasEnded || stream.isClosed) {
      return;
    }
    const { head, interim, parts, trailers, endsWithLastPart } = this.#plan;
    if (!this.#hasBegun) {
      this.#hasBegun = true;
      for (let count = 0; count < interim; count++) {
        stream.sendInformation([[":status", "103"]]);
      }
      const isAll = parts.length === 0 && trailers === undefined;
      this.#endIf(isAll);
      stream.sendHead(head, isAll);
      return;
    }
    const size = parts[this.#partsSent];
    if (size === undefined) {
      this.#endIf(true);
      if (trailers === undefined) {
        this.isHeld = !stream.sendData(new Uint8Array(0), true) || this.isHeld;
      } else {
        stream.sendTrailers(trailers);
      }
      return;
    }
    this.#partsSent++;
    const bytes = bodyPart(stream.id, this.#sent, size, !this.#isServer);
    this.#sent += size;
    const isLast = this.#partsSent === parts.length && trailers === undefined && endsWithLastPart;
    this.#endIf(isLast);
    this.isHeld = !stream.sendData(bytes, isLast) || this.isHeld;
  }

  #endIf(isLast: boolean): void {
    if (isLast) {
      this.#hasEnded = true;
      const message = { bytes: this.#sent, trailers: this.#plan.trailers?.map(([, value]) => value).join() };
      if (this.#isServer) {
        this.#ledger.response = message;
      } else {
        this.#ledger.request = message;
      }
    }
  }

  /** Sends a part of the body that no plan says. */
  send(size: number): void {
    this.isHeld = !this.stream.sendData(bodyPart(this.stream.id, this.#sent, size, !this.#isServer), false);
    this.#sent += size;
  }

  consume(bytes: number): void {
    this.unread -= bytes;
    this.stream.consumed(bytes);
  }

  onHead(head: ResponseHead): void {
    this.#check(!this.#isServer && !this.hasHead && head.status >= 200, "a head comes where none may");
    this.hasHead = true;
    this.#checkOpen("onHead");
  }

  onInformation(head: ResponseHead): void {
    this.#check(!this.#isServer && !this.hasHead && head.status === 103, "an interim head comes where none may");
    this.#checkOpen("onInformation");
  }

  onData(bytes: Uint8Array): void {
    this.#checkOpen("onData");
    this.#check(this.#isServer || this.hasHead, "data comes before the head");
    this.#check(!this.isRemoteEnded, "data comes behind the end");
    this.#check(isBodyPart(bytes, this.stream.id, this.#received, this.#isServer), "the body is not what was sent");
    this.#received += bytes.length;
    this.unread += bytes.length;
    this.onEvent("data");
  }

  onTrailers(fields: readonly HeaderField[]): void {
    this.#checkOpen("onTrailers");
    this.#check(!this.isRemoteEnded && this.#trailers === undefined, "trailers come where none may");
    this.#trailers = fields.map(({ value }) => value).join();
  }

  onEnd(): void {
    this.#checkOpen("onEnd");
    this.#check(!this.isRemoteEnded, "the end comes twice");
    this.isRemoteEnded = true;
    const sent = this.#isServer ? this.#ledger.request : this.#ledger.response;
    this.#check(sent !== undefined, "the end comes before the peer has ended");
    this.#check(sent?.bytes === this.#received, `${this.#received} bytes came of ${sent?.bytes}`);
    this.#check(sent?.trailers === this.#trailers, `the trailers are ${this.#trailers}, not ${sent?.trailers}`);
    this.onEvent("end");
  }

  onDrain(): void {
    this.#checkOpen("onDrain");
    this.#check(this.isHeld, "onDrain comes though nothing was held");
    this.isHeld = false;
    this.onEvent("drain");
  }

  onClose(error: StreamError | undefined): void {
    this.closes++;
    this.error = error;
    this.#check(this.closes === 1, "the stream closes twice");
    this.#check(this.stream.isClosed, "onClose comes for a stream that is not closed");
    const endedBoth = this.#hasEnded && (this.isRemoteEnded || this.#isServer); // a server may be done without the request's rest
    this.#check(error !== undefined || endedBoth, "the stream closes in order before both sides have ended");
    this.#check(!error?.isUnprocessed || !this.#ledger.isProcessed, "the server has processed what it says it has not");
    this.onEvent("close");
  }

  #checkOpen(name: string): void {
    this.#check(this.closes === 0, `${name} comes behind onClose`);
  }

  #check(holds: boolean, problem: string): void {
    if (!holds) {
      this.problems.push(`stream ${this.stream.id}, ${this.#isServer ? "server" : "client"}: ${problem}`);
    }
  }
}
