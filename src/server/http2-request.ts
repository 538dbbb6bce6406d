import { Code, ConnectError } from "@connectrpc/connect";
import type { HeaderField, RequestHead, Stream, StreamError, StreamListener } from "../http2/index.ts";
import { BodyQueue } from "../sockets/body-queue.ts";
import type { RequestUnderWay } from "./arrival.ts";
import type { Connection } from "./connection.ts";
import { type MemoryAccount, type RequestMemory, requestMemory } from "./memory-account.ts";
import { StreamHead } from "./received-head.ts";
import { StreamAnswer } from "./stream-answer.ts";

/** A request on a stream of our own engine: it hears of the stream, and keeps the body until somebody reads it. */
export class Http2Request implements StreamListener {
  readonly connection: Connection;
  readonly stream: Stream;
  readonly head: StreamHead;
  readonly answer: StreamAnswer;
  readonly body: BodyQueue;
  readonly memory: RequestMemory;
  /** Takes account of what the connection holds. */
  readonly #account: () => void;
  /** Set as soon as the call has begun. */
  underWay: RequestUnderWay | undefined;
  /** Hears of the stream in the place of {@link body} once the web application has it. */
  #application: StreamListener | undefined;
  #trailers: readonly HeaderField[] | undefined;
  /** Called when all is over. */
  onOver: (() => void) | undefined;
  /** Called when there is room for more of the answer, or nobody to take it. */
  onRoom: (() => void) | undefined;

  constructor(
    connection: Connection,
    stream: Stream,
    head: RequestHead,
    memory: MemoryAccount<Connection>,
    account: () => void,
  ) {
    this.connection = connection;
    this.#account = account;
    this.stream = stream;
    this.head = new StreamHead(head);
    this.answer = new StreamAnswer(stream, account);
    this.memory = requestMemory(memory, connection);
    this.body = new BodyQueue((bytes) => stream.consumed(bytes));
  }

  /** The head of its answer is out. */
  get isAnswered(): boolean {
    return this.answer.begun;
  }

  /** Hands the stream over to a listener, which is told of what has come so far. */
  handOver(listener: StreamListener): void {
    this.#application = listener;
    const bytes = this.body.takeOver();
    if (bytes !== undefined) {
      listener.onData(bytes);
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

  onData(bytes: Uint8Array): void {
    this.#account();
    if (this.#application === undefined) {
      this.body.push(bytes);
    } else {
      this.#application.onData(bytes);
    }
  }

  onTrailers(fields: readonly HeaderField[]): void {
    this.#trailers = fields;
    this.#application?.onTrailers(fields);
  }

  onEnd(): void {
    this.body.end();
    this.#application?.onEnd();
  }

  onDrain(): void {
    this.onRoom?.();
    this.#application?.onDrain();
  }

  onClose(error: StreamError | undefined): void {
    this.memory.release();
    if (!this.answer.finished) {
      this.underWay?.lose();
    }
    this.body.fail(new ConnectError("the caller went away", Code.Canceled));
    this.onRoom?.();
    this.#application?.onClose(error);
    this.underWay?.over();
    this.onOver?.();
  }
}
