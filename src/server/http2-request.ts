import { Code, ConnectError } from "@connectrpc/connect";
import type { HeaderField, Stream, StreamError, StreamListener } from "../http2/index.ts";
import { BodyQueue } from "../wire/body-queue.ts";
import type { BodyReceiver } from "../wire/exchange.ts";
import type { Connection } from "./connection.ts";
import type { MemoryAccount } from "./memory-account.ts";
import type { Received } from "./received.ts";
import type { StreamHead } from "./received-head.ts";
import type { ServedExchange } from "./served-exchange.ts";
import { StreamAnswer } from "./stream-answer.ts";

/** What the requests of an HTTP/2 connection share. */
export interface Http2Requests {
  readonly connection: Connection;
  readonly memory: MemoryAccount<Connection>;
  /** Takes account of what the connection holds. */
  account(): void;
  /** A request is over. */
  over(request: Http2Request): void;
}

/** The exchange of a request, which is closed with its stream. */
export interface ClosableExchange extends ServedExchange {
  close(): void;
}

/** A request on a stream of our own engine: it hears of the stream, and keeps the body until somebody reads it. */
export class Http2Request implements StreamListener {
  readonly stream: Stream;
  readonly received: Received<StreamHead>;
  readonly answer: StreamAnswer;
  readonly #shared: Http2Requests;
  isBegun = false;
  /** What has come of the body while nobody takes it, or for whoever takes it as an iterable. */
  #queue: BodyQueue | undefined;
  /** Who takes the body as it comes: an RPC, or the web application, which has the whole stream. */
  #receiver: BodyReceiver | undefined;
  #application: StreamListener | undefined;
  #trailers: readonly HeaderField[] | undefined;
  #isEnded = false;
  /** Called when there is room for more of the answer, or nobody to take it. */
  onRoom: (() => void) | undefined;
  /** Set as soon as it has begun. */
  exchange: ClosableExchange | undefined;

  constructor(shared: Http2Requests, stream: Stream, received: Received<StreamHead>) {
    this.#shared = shared;
    this.stream = stream;
    this.received = received;
    this.answer = new StreamAnswer(stream, shared.account);
  }

  /** The head of its answer is out. */
  get isAnswered(): boolean {
    return this.answer.begun;
  }

  get shared(): Http2Requests {
    return this.#shared;
  }

  get body(): BodyQueue {
    this.#queue ??= this.#newQueue();
    return this.#queue;
  }

  #newQueue(): BodyQueue {
    const { stream } = this;
    const queue = new BodyQueue((bytes) => stream.consumed(bytes));
    if (this.#isEnded || stream.isRemoteEnded) {
      queue.end();
    } else if (stream.isClosed) {
      queue.fail(callerWentAway());
    }
    return queue;
  }

  /** Hands the body over to a receiver, which is told of what has come so far. */
  receive(receiver: BodyReceiver): void {
    this.#receiver = receiver;
    const bytes = this.#queue?.takeOver();
    if (bytes !== undefined) {
      receiver.onData(bytes, false);
    }
    if (this.#isEnded || this.stream.isRemoteEnded) {
      this.#isEnded = true;
      receiver.onEnd();
    }
  }

  /** Hands the stream over to a listener, which is told of what has come so far. */
  handOver(listener: StreamListener): void {
    this.#application = listener;
    const bytes = this.#queue?.takeOver();
    if (bytes !== undefined) {
      listener.onData(bytes, false);
    }
    if (this.#trailers !== undefined) {
      listener.onTrailers(this.#trailers);
    }
    if (this.stream.isRemoteEnded) {
      listener.onEnd();
    }
  }

  onHead(): void {
    // a client's
  }

  onInformation(): void {
    // a client's
  }

  onData(bytes: Uint8Array, isLast: boolean): void {
    if (this.#receiver !== undefined) {
      this.#receiver.onData(bytes, isLast);
      this.#shared.account(); // of what it has not acknowledged
      return;
    }
    this.#shared.account();
    if (this.#application === undefined) {
      this.body.push(bytes);
    } else {
      this.#application.onData(bytes, isLast);
    }
  }

  onTrailers(fields: readonly HeaderField[]): void {
    this.#trailers = fields;
    this.#application?.onTrailers(fields);
  }

  onEnd(): void {
    const isFirst = !this.#isEnded;
    this.#isEnded = true;
    if (this.#receiver !== undefined) {
      if (isFirst) {
        this.#receiver.onEnd();
      }
      return;
    }
    this.#queue?.end();
    this.#application?.onEnd();
  }

  onDrain(): void {
    this.#receiver?.onRoom();
    this.onRoom?.();
    this.#application?.onDrain();
  }

  onClose(error: StreamError | undefined): void {
    this.exchange?.close();
    if (this.#queue !== undefined && !this.#queue.isEnded) {
      this.#queue.fail(callerWentAway());
    }
    this.#receiver?.onClose();
    this.onRoom?.();
    this.#application?.onClose(error);
    this.#shared.over(this);
  }
}

function callerWentAway(): ConnectError {
  return new ConnectError("the caller went away", Code.Canceled);
}
