import { create, type Message, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, type UnaryRequest, type UnaryResponse } from "@connectrpc/connect";
import type { Interruptible } from "../call/call.ts";
import { refuseBomb } from "./compression.ts";
import { COMPRESSED_FLAG, ENVELOPE_BYTES, payloadOf } from "./envelope.ts";
import type { BodyReceiver, Exchange } from "./exchange.ts";
import { Gathered } from "./gather.ts";
import { contextFor, LeanContext, LeanRequest } from "./handler-context.ts";
import type { RpcOptions } from "./rpc-options.ts";
import { type AnswerParts, answerError, answerMessage } from "./unary-answer.ts";
import type { PlannedCall } from "./unary-plan.ts";
import { answerUniversally } from "./universal.ts";

const NOTHING = new Uint8Array(0);

/**
 * A unary call on the lean path, from its head to its answer. What is not as it should be in its body is left to Connect's
 * handlers, with all that has come of it: they find the words.
 */
export class UnaryCall implements BodyReceiver, Interruptible {
  readonly #exchange: Exchange;
  readonly #planned: PlannedCall;
  readonly #options: RpcOptions;
  readonly #timeoutMs: number | undefined;
  /** The body where it came at once; it is a part of what was read from the socket. */
  #only: Uint8Array | undefined;
  #gathered: Gathered | undefined;
  #context: LeanContext | undefined;
  /** The call has its answer, or never will: what its handler still gives goes nowhere. */
  #isOver = false;
  /** Its body was read, or given up. */
  #isRead = false;

  constructor(exchange: Exchange, planned: PlannedCall, options: RpcOptions) {
    const { defaultMs, maxMs } = options.deadlines;
    const timeoutMs = Math.min(planned.timeoutMs ?? defaultMs, maxMs);
    this.#exchange = exchange;
    this.#planned = planned;
    this.#options = options;
    this.#timeoutMs = timeoutMs === Number.POSITIVE_INFINITY ? undefined : timeoutMs;
  }

  /** Reads the body, and answers. */
  begin(): true {
    const { call } = this.#exchange;
    const { plan } = this.#planned;
    call.method = plan.method.descriptor;
    call.protocol = plan.protocol;
    call.interruptible = this;
    if (call.interruption !== undefined) {
      this.interrupt(call.interruption);
      return true;
    }
    if (this.#timeoutMs !== undefined) {
      call.startDeadline(this.#timeoutMs);
      if (this.#timeoutMs <= 0) {
        call.expire();
        return true;
      }
    }
    this.#exchange.receive(this);
    return true;
  }

  // The body (BodyReceiver).

  onData(bytes: Uint8Array, isLast: boolean): void {
    this.#exchange.consumed(bytes.length);
    if (this.#isRead || this.#isOver) {
      return;
    }
    if (isLast && this.#gathered === undefined) {
      this.#only = bytes;
      return;
    }
    try {
      this.#gather(bytes);
    } catch (error) {
      this.#refuse(error);
    }
  }

  #gather(bytes: Uint8Array): void {
    const maxBytes = this.#maxBytes;
    if (this.#gathered === undefined) {
      this.#gathered = new Gathered(bytes, (held) => this.#exchange.hold(held));
    } else {
      this.#gathered.add(bytes, maxBytes + bytes.length);
    }
    const gathered = this.#gathered;
    if (gathered.length > maxBytes) {
      this.#leaveToConnect(gathered.bytes());
      return;
    }
    const { requestCompression } = this.#planned.plan;
    if (requestCompression !== undefined && gathered.isDueToBeLookedAt()) {
      const [flags = 0] = gathered.beginning();
      if (!this.#isEnveloped || (flags & COMPRESSED_FLAG) !== 0) {
        const beginning = gathered.bytes().subarray(this.#isEnveloped ? ENVELOPE_BYTES : 0);
        refuseBomb(requestCompression.name, beginning, this.#options.readMaxBytes).catch((error: unknown) =>
          this.#refuse(error),
        );
      }
    }
  }

  onEnd(): void {
    if (this.#isRead || this.#isOver) {
      return;
    }
    this.#isRead = true;
    const body = this.#only ?? this.#gathered?.bytes() ?? NOTHING;
    this.#only = undefined;
    this.#gathered = undefined;
    this.#read(body);
  }

  onRoom(): void {
    // a whole answer is queued at once
  }

  onClose(): void {
    this.#isOver = true;
  }

  get #isEnveloped(): boolean {
    return this.#planned.plan.protocol !== "connect";
  }

  get #maxBytes(): number {
    return this.#options.readMaxBytes + (this.#isEnveloped ? ENVELOPE_BYTES : 0);
  }

  #read(body: Uint8Array): void {
    const { requestCompression } = this.#planned.plan;
    const payload = this.#isEnveloped ? payloadOf(body) : body;
    const isCompressed = this.#isEnveloped ? body[0] === COMPRESSED_FLAG : true;
    if (
      payload === undefined ||
      body.length > this.#maxBytes ||
      (body[0] !== 0 && this.#isEnveloped && !(isCompressed && requestCompression !== undefined))
    ) {
      this.#leaveToConnect(body);
    } else if (isCompressed && requestCompression !== undefined) {
      requestCompression
        .decompress(payload as Uint8Array<ArrayBuffer>, this.#options.readMaxBytes)
        .then((bytes) => this.#parse(bytes, body))
        .catch(() => this.#leaveToConnect(body));
    } else {
      this.#parse(payload, body);
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
      this.#leaveToConnect(body);
      return;
    }
    this.#exchange.hold(0);
    this.#run(message);
  }

  /** Has Connect's handlers read the body again, and say what is wrong with it. */
  #leaveToConnect(body: Uint8Array): void {
    if (this.#isOver) {
      return;
    }
    this.#isOver = true;
    this.#isRead = true;
    const exchange = this.#exchange;
    const { plan } = this.#planned;
    exchange.call.interruptible = undefined;
    const copy = new Uint8Array(body); // it is read later, and may be a part of what was read from the socket
    answerUniversally(exchange, plan.method.universal, plan.protocol, this.#options, copy).catch((error: unknown) =>
      exchange.call.log.error({ err: error }, "a request could not be answered"),
    );
  }

  /** The body cannot be read to its end. */
  #refuse(thrown: unknown): void {
    this.#isRead = true;
    this.#gathered = undefined;
    this.#exchange.hold(0);
    this.#answerError(ConnectError.from(thrown, Code.Internal));
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
    let next = async (request: UnaryRequest): Promise<UnaryResponse> => {
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
    for (let at = interceptors.length - 1; at >= 0; at--) {
      // A unary request gets a unary response, as Connect has it; its type tells of both.
      next = (interceptors[at] as unknown as (inner: typeof next) => typeof next)(next);
    }
    const response = await next(new LeanRequest(context, message));
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
    this.#exchange.call.answeredCode = error.code;
    try {
      this.#finish(answerError(this.#parts(), error));
    } catch (cause) {
      this.#exchange.call.log.error({ err: cause }, "an error could not be answered");
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
        (error: unknown) => call.log.error({ err: error }, "an answer could not be compressed"),
      );
    }
  }
}

type Handle = (message: Message, context: unknown) => unknown;

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

function connectErrorOf(thrown: unknown): ConnectError {
  return thrown instanceof ConnectError
    ? thrown
    : new ConnectError("internal error", Code.Internal, undefined, undefined, thrown);
}

/** An interceptor may answer with headers of its own in the place of the context's. */
function replaceHeaders(context: Headers, answered: Headers): void {
  if (context === answered) {
    return;
  }
  for (const name of [...context.keys()]) {
    context.delete(name);
  }
  answered.forEach((value, name) => {
    context.set(name, value);
  });
}
