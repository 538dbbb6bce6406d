import type { DescMethod, DescMethodStreaming, DescMethodUnary, DescService, Message } from "@bufbuild/protobuf";
import type { ContextKey, ContextValues, HandlerContext, StreamRequest, UnaryRequest } from "@connectrpc/connect";
import type { ActiveCall } from "../call/call.ts";
import { formatTimeout, type TimeoutHeader } from "../call/deadline.ts";
import type { PlannedCall } from "./call-plan.ts";
import type { Exchange } from "./exchange.ts";
import { type HeaderSource, lazyHeaders } from "./lazy-headers.ts";

// What handlers and interceptors are given, in the shapes of Connect's own: every member is the object's own, so that
// spreading copies it. What costs something is made once somebody asks for it.

/** The call of a context or request; not a private member, as those are not there for who wraps it in a proxy. */
const CALL = Symbol("call");

/** Of a call's signal there is none until somebody asks: a getter that is the object's own. */
const SIGNAL: PropertyDescriptor & ThisType<LeanContext | LeanRequest> = {
  get() {
    return this[CALL].signal;
  },
  set(signal: AbortSignal) {
    Object.defineProperty(this, "signal", { value: signal, writable: true, enumerable: true, configurable: true });
  },
  enumerable: true,
  configurable: true,
};

/** A call's context, for its handler. */
export class LeanContext implements HandlerContext {
  readonly service: DescService;
  readonly method: DescMethod;
  readonly requestMethod = "POST";
  readonly protocolName: string;
  readonly url: string;
  readonly requestHeader: Headers;
  readonly responseHeader: Headers;
  readonly responseTrailer: Headers;
  readonly values: ContextValues = new LeanValues();
  readonly timeoutMs: () => number | undefined;
  declare readonly signal: AbortSignal;
  readonly [CALL]: ActiveCall;

  /** @param timeoutMs what the call has, the service's default included */
  constructor(exchange: Exchange, { plan, url }: PlannedCall, timeoutMs: number | undefined) {
    const { descriptor } = plan.method;
    this.service = descriptor.parent;
    this.method = descriptor;
    this.protocolName = plan.protocol;
    this.url = url;
    this.requestHeader = lazyHeaders(
      timeoutMs === undefined ? new RequestFields(exchange) : new TimedFields(exchange, plan.timeoutHeader, timeoutMs),
    );
    this.responseHeader = lazyHeaders(plan.responseHeader);
    this.responseTrailer = lazyHeaders(plan.responseTrailer);
    this.timeoutMs = () => {
      const { startedAt, clock } = exchange.call;
      return timeoutMs === undefined ? undefined : startedAt + timeoutMs - clock.now();
    };
    this[CALL] = exchange.call;
    Object.defineProperty(this, "signal", SIGNAL);
  }
}

/** What a call's request is for its interceptors, besides its message. */
abstract class LeanRequest {
  readonly requestMethod: string;
  readonly url: string;
  declare readonly signal: AbortSignal;
  readonly header: Headers;
  readonly service: DescService;
  readonly contextValues: ContextValues;
  readonly [CALL]: ActiveCall;

  constructor(context: LeanContext) {
    this.requestMethod = context.requestMethod;
    this.url = context.url;
    this.header = context.requestHeader;
    this.service = context.service;
    this.contextValues = context.values;
    this[CALL] = context[CALL];
    Object.defineProperty(this, "signal", SIGNAL);
  }
}

/** A unary call's request, for its interceptors. */
export class LeanUnaryRequest extends LeanRequest implements UnaryRequest {
  readonly stream = false;
  readonly message: Message;
  readonly method: DescMethodUnary;

  constructor(context: LeanContext, message: Message) {
    super(context);
    this.message = message;
    this.method = context.method as DescMethodUnary; // the plan is a unary call's
  }
}

/** A stream's request, for its interceptors. */
export class LeanStreamRequest extends LeanRequest implements StreamRequest {
  readonly stream = true;
  readonly message: AsyncIterable<Message>;
  readonly method: DescMethodStreaming;

  constructor(context: LeanContext, messages: AsyncIterable<Message>) {
    super(context);
    this.message = messages;
    this.method = context.method as DescMethodStreaming; // the plan is a stream's
  }
}

/** The context for a handler whose request came out of the interceptors: what they have replaced counts. */
export function contextFor(context: LeanContext, request: UnaryRequest | StreamRequest): HandlerContext {
  const isAsMade =
    request instanceof LeanRequest &&
    request.header === context.requestHeader &&
    request.contextValues === context.values &&
    request.service === context.service &&
    Object.getOwnPropertyDescriptor(request, "signal")?.get === SIGNAL.get;
  if (isAsMade) {
    return context;
  }
  const { service, header, signal, contextValues } = request;
  return { ...context, service, requestHeader: header, signal, values: contextValues };
}

/** Connect's `createContextValues` makes its methods anew for each. */
class LeanValues implements ContextValues {
  get<T>(key: ContextKey<T>): T {
    return key.id in this ? ((this as Record<symbol, unknown>)[key.id] as T) : key.defaultValue; // set by `set` only
  }

  set<T>(key: ContextKey<T>, value: T): this {
    (this as Record<symbol, unknown>)[key.id] = value;
    return this;
  }

  delete(key: ContextKey<unknown>): this {
    delete (this as Record<symbol, unknown>)[key.id];
    return this;
  }
}

class RequestFields implements HeaderSource {
  protected readonly exchange: Exchange;

  constructor(exchange: Exchange) {
    this.exchange = exchange;
  }

  field(name: string): string | undefined {
    return this.exchange.field(name);
  }

  toHeaders(): Headers {
    return new Headers(this.exchange.requestHeader);
  }
}

/** With the time-out that holds in the place of the one that was asked for. */
class TimedFields extends RequestFields {
  readonly #name: TimeoutHeader;
  readonly #timeoutMs: number;

  constructor(exchange: Exchange, name: TimeoutHeader, timeoutMs: number) {
    super(exchange);
    this.#name = name;
    this.#timeoutMs = timeoutMs;
  }

  override field(name: string): string | undefined {
    return name === this.#name ? formatTimeout(this.#name, this.#timeoutMs) : super.field(name);
  }

  override toHeaders(): Headers {
    const headers = super.toHeaders();
    headers.set(this.#name, formatTimeout(this.#name, this.#timeoutMs));
    return headers;
  }
}
