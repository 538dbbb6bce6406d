import { create, type Message, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, type UnaryRequest, type UnaryResponse } from "@connectrpc/connect";
import type { Interruptible } from "../call/call.ts";
import { boundedMs } from "../call/deadline.ts";
import type { AnswerParts } from "./answer-end.ts";
import type { PlannedCall } from "./call-plan.ts";
import { beginCall, breakOff, connectErrorOf, replaceHeaders } from "./call-steps.ts";
import { COMPRESSED_FLAG, payloadOf } from "./envelope.ts";
import type { Exchange } from "./exchange.ts";
import { contextFor, LeanContext, LeanUnaryRequest } from "./handler-context.ts";
import { intercepted } from "./intercepted.ts";
import { isPromise } from "./is-promise.ts";
import type { RpcOptions } from "./rpc-options.ts";
import { answerError, answerMessage } from "./unary-answer.ts";
import { UnaryBody, type UnaryBodyOwner } from "./unary-body.ts";
import { answerUniversally } from "./universal.ts";

/**
 * A unary call on the lean path, from its head to its answer. What is not as it should be in its body is left to Connect's
 * handlers, with all that has come of it: they find the words.
 */
export class UnaryCall implements UnaryBodyOwner, Interruptible {
  readonly #exchange: Exchange;
  readonly #planned: PlannedCall;
  readonly #options: RpcOptions;
  readonly #timeoutMs: number | undefined;
  #body: UnaryBody | undefined;
  #context: LeanContext | undefined;
  /** The call has its answer, or never will: what its handler still gives goes nowhere. */
  #isOver = false;

  constructor(exchange: Exchange, planned: PlannedCall, options: RpcOptions) {
    this.#exchange = exchange;
    this.#planned = planned;
    this.#options = options;
    this.#timeoutMs = boundedMs(planned.timeoutMs, true, options.deadlines);
  }

  /** Reads the body, and answers. */
  begin(): true {
    if (beginCall(this.#exchange, this.#planned, this.#timeoutMs, this)) {
      this.#body = new UnaryBody(this.#exchange, this.#planned.plan, this.#options.readMaxBytes, this);
      this.#exchange.receive(this.#body);
    }
    return true;
  }

  // The body (UnaryBodyOwner).

  onBody(body: Uint8Array): void {
    const { isEnveloped, requestCompression } = this.#planned.plan;
    const payload = isEnveloped ? payloadOf(body) : body;
    const flags = isEnveloped ? (body[0] ?? 0) : requestCompression === undefined ? 0 : COMPRESSED_FLAG;
    if (payload !== undefined && flags === 0) {
      this.#parse(payload, body);
    } else if (payload !== undefined && flags === COMPRESSED_FLAG && requestCompression !== undefined) {
      if (!this.#exchange.hold(body.length)) {
        this.onRefused(new ConnectError("the service holds as much of messages as it may", Code.ResourceExhausted));
        return;
      }
      requestCompression
        // Of a socket, it is never shared memory.
        .decompress(payload as Uint8Array<ArrayBuffer>, this.#options.readMaxBytes, () => !this.#isOver)
        .then(
          (bytes) => this.#parse(bytes, body),
          (error: unknown) => this.#onUninflatable(error, body),
        );
    } else {
      this.onUnreadable(body);
    }
  }

  #parse(bytes: Uint8Array, body: Uint8Array): void {
    if (this.#isOver) {
      return;
    }
    let message: Message;
    try {
      message = this.#planned.plan.codec.input.parse(bytes);
    } catch {
      this.onUnreadable(body);
      return;
    }
    this.#exchange.hold(0);
    this.#run(message);
  }

  #onUninflatable(error: unknown, body: Uint8Array): void {
    if (error instanceof ConnectError && error.code === Code.ResourceExhausted) {
      this.#answerError(error); // a bomb is not to be inflated again
    } else {
      this.onUnreadable(body);
    }
  }

  /** Has Connect's handlers read the body again, and say what is wrong with it. */
  onUnreadable(body: Uint8Array): void {
    if (this.#isOver) {
      return;
    }
    this.#isOver = true;
    this.#exchange.hold(0); // they account for it anew
    const exchange = this.#exchange;
    const { plan } = this.#planned;
    exchange.call.interruptible = undefined;
    const copy = new Uint8Array(body); // it is read later, and may be a part of what was read from the socket
    answerUniversally(exchange, plan.method.universal, plan.protocol, this.#options, copy).catch((error: unknown) =>
      breakOff(this.#exchange, error),
    );
  }

  onRefused(thrown: unknown): void {
    this.#answerError(ConnectError.from(thrown, Code.Internal));
  }

  onClose(): void {
    this.#isOver = true;
  }

  // The handler.

  #run(message: Message): void {
    const { rules } = this.#options;
    const { call } = this.#exchange;
    try {
      const result =
        rules === undefined
          ? this.#invoke(message)
          : rules.run(call, () => {
              rules.onMessage(call, this.#planned.plan.method.descriptor, message);
              return this.#invoke(message);
            });
      if (isPromise(result)) {
        result.then(this.#onResult, this.#onFailure);
      } else {
        this.#onResult(result);
      }
    } catch (error) {
      this.#onFailure(error);
    }
  }

  #invoke(message: Message): unknown {
    const { spec, interceptors } = this.#planned.plan.method;
    const context = new LeanContext(this.#exchange, this.#planned, this.#timeoutMs);
    this.#context = context;
    const handle = spec.impl as Handle; // the plan is a unary call's
    return interceptors.length === 0 ? handle(message, context) : this.#intercept(message, context, handle);
  }

  async #intercept(message: Message, context: LeanContext, handle: Handle): Promise<unknown> {
    const { spec, interceptors } = this.#planned.plan.method;
    const answer = async (request: UnaryRequest): Promise<UnaryResponse> => {
      const init = await handle(request.message, contextFor(context, request));
      return {
        stream: false,
        service: spec.method.parent,
        method: spec.method as UnaryResponse["method"], // as above
        header: context.responseHeader,
        trailer: context.responseTrailer,
        message: create(spec.method.output, init as MessageInitShape<typeof spec.method.output>), // the compiler has seen the handler's
      };
    };
    const response = await intercepted(interceptors, answer)(new LeanUnaryRequest(context, message));
    replaceHeaders(context.responseHeader, response.header);
    replaceHeaders(context.responseTrailer, response.trailer);
    return response.message;
  }

  readonly #onResult = (result: unknown): void => {
    if (this.#isOver) {
      return;
    }
    this.#isOver = true;
    const { plan } = this.#planned;
    try {
      const { output } = plan.method.descriptor;
      const message = create(output, result as MessageInitShape<typeof output>); // as above
      this.#finish(answerMessage(this.#parts(), message));
    } catch (error) {
      this.#isOver = false;
      this.#answerError(connectErrorOf(error));
    }
  };

  readonly #onFailure = (thrown: unknown): void => {
    const { rules } = this.#options;
    const { call } = this.#exchange;
    if (this.#isOver) {
      rules?.run(call, () => rules.onLateFailure(call, thrown));
      return;
    }
    const { name } = this.#planned.plan.method;
    this.#answerError(
      rules === undefined ? connectErrorOf(thrown) : rules.run(call, () => rules.errorFor(call, name, thrown)),
    );
  };

  /** The call is cut short: its answer is why (Interruptible). */
  interrupt(reason: ConnectError): void {
    this.#answerError(reason);
  }

  #answerError(error: ConnectError): void {
    if (this.#isOver) {
      return;
    }
    this.#isOver = true;
    this.#body?.stop();
    this.#exchange.hold(0);
    this.#exchange.call.answeredCode = error.code;
    try {
      this.#finish(answerError(this.#parts(), error));
    } catch (cause) {
      breakOff(this.#exchange, cause);
    }
  }

  #parts(): AnswerParts {
    const { responseHeader, responseTrailer } = this.#planned.plan;
    return {
      exchange: this.#exchange,
      plan: this.#planned.plan,
      header: this.#context?.responseHeader ?? responseHeader.toHeaders(),
      trailer: this.#context?.responseTrailer ?? responseTrailer.toHeaders(),
      options: this.#options,
    };
  }

  /** The answer is written, or will be when it is compressed: whoever still listens to the call lets go. */
  #finish(writing: Promise<void> | undefined): void {
    const { call } = this.#exchange;
    if (writing === undefined) {
      call.settle();
    } else {
      writing.then(
        () => call.settle(),
        (error: unknown) => breakOff(this.#exchange, error),
      );
    }
  }
}

type Handle = (message: Message, context: unknown) => unknown;
