import { create, type DescMethodStreaming, type Message, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { endStreamFlag } from "@connectrpc/connect/protocol-connect";
import { trailerFlag } from "@connectrpc/connect/protocol-grpc-web";
import type { Interruptible } from "../call/call.ts";
import { boundedMs } from "../call/deadline.ts";
import { type AnswerParts, compressionFor, endAnswer, sendHead } from "./answer-end.ts";
import type { PlannedCall } from "./call-plan.ts";
import { beginCall, breakOff, connectErrorOf, replaceHeaders } from "./call-steps.ts";
import { ENVELOPE_BYTES, sealEnvelope } from "./envelope.ts";
import type { BodyReceiver, Exchange } from "./exchange.ts";
import { LeanContext } from "./handler-context.ts";
import { type MessageOwner, MessageReader } from "./message-reader.ts";
import type { RpcOptions } from "./rpc-options.ts";
import { handleStream } from "./stream-handler.ts";

type Init = MessageInitShape<DescMethodStreaming["output"]>;

/** The envelope flags by which a stream ends. */
const END_FLAGS = { grpc: undefined, "grpc-web": trailerFlag, connect: endStreamFlag };

/**
 * A call of a method that streams, on the lean path: messages are read as its handler asks for them, and asked of it as the
 * peer takes them.
 */
export class StreamCall implements BodyReceiver, Interruptible, MessageOwner {
  readonly #exchange: Exchange;
  readonly #planned: PlannedCall;
  readonly #options: RpcOptions;
  readonly #timeoutMs: number | undefined;
  readonly #context: LeanContext;
  readonly #reader: MessageReader;
  #answers: AsyncIterator<Init> | undefined;
  #onRoom: (() => void) | undefined;
  #hasHead = false;
  /** The call has its answer, or never will: what its handler still gives goes nowhere. */
  #isOver = false;

  constructor(exchange: Exchange, planned: PlannedCall, options: RpcOptions) {
    const { plan } = planned;
    this.#exchange = exchange;
    this.#planned = planned;
    this.#options = options;
    this.#timeoutMs = boundedMs(planned.timeoutMs, false, options.deadlines);
    this.#context = new LeanContext(exchange, planned, this.#timeoutMs);
    const form = {
      codec: plan.codec.input,
      compression: plan.requestCompression,
      readMaxBytes: options.readMaxBytes,
      endFlag: END_FLAGS[plan.protocol],
    };
    this.#reader = new MessageReader(form, this);
  }

  /** Has the handler answer, which reads the body as it comes. */
  begin(): true {
    if (beginCall(this.#exchange, this.#planned, this.#timeoutMs, this)) {
      this.#exchange.receive(this);
      const { rules } = this.#options;
      const { call } = this.#exchange;
      void (rules === undefined ? this.#answer() : rules.run(call, () => this.#answer()));
    }
    return true;
  }

  // The body (BodyReceiver, MessageOwner).

  onData(bytes: Uint8Array): void {
    this.#reader.push(bytes);
  }

  onEnd(): void {
    this.#reader.end();
  }

  onRoom(): void {
    this.#onRoom?.();
  }

  onClose(): void {
    this.#isOver = true;
    this.#reader.fail(new ConnectError("the caller went away", Code.Canceled));
    this.#onRoom?.();
  }

  consumed(bytes: number): void {
    this.#exchange.consumed(bytes);
  }

  hold(bytes: number): boolean {
    return this.#exchange.hold(bytes);
  }

  onMessage(message: Message): void {
    const { rules } = this.#options;
    rules?.onMessage(this.#exchange.call, this.#planned.plan.method.descriptor, message);
  }

  // The handler. All of it runs within the call, so that its context is there behind every `await` and `yield`.

  async #answer(): Promise<void> {
    try {
      const response = await handleStream(this.#planned.plan.method, this.#context, this.#reader);
      replaceHeaders(this.#context.responseHeader, response.header);
      const answers: AsyncIterator<Init> = response.message[Symbol.asyncIterator]();
      this.#answers = answers;
      for (;;) {
        if (this.#isOver) {
          this.#abandon();
          return;
        }
        const { done, value } = await answers.next();
        if (this.#isOver) {
          this.#abandon();
          return;
        }
        if (done === true) {
          break;
        }
        const sent = this.#send(value as Init); // not done: it is there
        if (!(typeof sent === "boolean" ? sent : await sent)) {
          await this.#room();
        }
      }
      replaceHeaders(this.#context.responseTrailer, response.trailer);
      this.#finish(undefined);
    } catch (thrown) {
      this.#onFailure(thrown);
    }
  }

  /** Promises only where something has to be compressed: small messages are written without a turn. */
  #send(init: Init): boolean | Promise<boolean> {
    const { plan } = this.#planned;
    const { output } = plan.method.descriptor;
    const bytes = plan.codec.output.serialize(create(output, init), ENVELOPE_BYTES);
    const compression = compressionFor(this.#parts, bytes.length - ENVELOPE_BYTES);
    const sealed = sealEnvelope(0, bytes, compression);
    return sealed instanceof Uint8Array ? this.#write(sealed) : sealed.then((compressed) => this.#write(compressed));
  }

  #write(enveloped: Uint8Array): boolean {
    if (this.#isOver) {
      return true;
    }
    this.#begin();
    return this.#exchange.sendData(enveloped, false);
  }

  /** The head goes out with the first message, so that handlers can add to it until then. */
  #begin(): void {
    if (!this.#hasHead) {
      this.#hasHead = true;
      sendHead(this.#parts);
    }
  }

  #room(): Promise<void> {
    if (this.#isOver) {
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      this.#onRoom = () => {
        this.#onRoom = undefined;
        resolve();
      };
    });
  }

  #onFailure(thrown: unknown): void {
    const { rules } = this.#options;
    const { call } = this.#exchange;
    if (this.#isOver) {
      rules?.onLateFailure(call, thrown);
      return;
    }
    const { name } = this.#planned.plan.method;
    const error = rules === undefined ? connectErrorOf(thrown) : rules.errorFor(call, name, thrown);
    call.answeredCode = error.code;
    this.#abandon();
    this.#finish(error);
  }

  /** The call is cut short: its answer ends by why (Interruptible). */
  interrupt(reason: ConnectError): void {
    if (this.#isOver) {
      return;
    }
    this.#exchange.call.answeredCode = reason.code;
    this.#reader.fail(reason);
    this.#finish(reason);
    this.#abandon();
    this.#onRoom?.();
  }

  #finish(error: ConnectError | undefined): void {
    const { call } = this.#exchange;
    this.#isOver = true;
    try {
      this.#begin();
      const writing = endAnswer(this.#parts, error);
      writing?.catch((cause: unknown) => breakOff(this.#exchange, cause));
    } catch (cause) {
      breakOff(this.#exchange, cause);
    }
    this.#reader.close();
    call.settle();
  }

  /**
   * Closes what is left of the handler: a generator that stands at a `yield` would never run its `finally`. One that is
   * busy closes when it gets there.
   */
  #abandon(): void {
    const answers = this.#answers;
    if (answers === undefined) {
      return;
    }
    this.#answers = undefined;
    const { rules } = this.#options;
    const { call } = this.#exchange;
    const close = async () => {
      try {
        await answers.return?.();
      } catch (error) {
        call.log.error({ err: error }, "a stream that was cut short failed to close");
      }
    };
    void (rules === undefined ? close() : rules.run(call, close));
  }

  get #parts(): AnswerParts {
    const { responseHeader, responseTrailer } = this.#context;
    return {
      exchange: this.#exchange,
      plan: this.#planned.plan,
      header: responseHeader,
      trailer: responseTrailer,
      options: this.#options,
    };
  }
}
