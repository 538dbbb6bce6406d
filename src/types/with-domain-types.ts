import type {
  DescMessage,
  DescMethodBiDiStreaming,
  DescMethodClientStreaming,
  DescMethodServerStreaming,
  DescMethodUnary,
  DescService,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import type { CallOptions, HandlerContext } from "@connectrpc/connect";
import type { AdaptedService } from "../wire/adapted-service.ts";
import { domainClient } from "./domain-client.ts";
import { domainHandlers } from "./domain-handlers.ts";
import type { MessageType, MethodTypes, ServiceTypes } from "./message-type.ts";

type Method<S extends DescService, P extends keyof S["method"]> = S["method"][P];
type TypesOf<T, P> = P extends keyof T ? T[P] : unknown;

/** What comes of a message: its domain type where it has one. */
type Read<D extends DescMessage, T, Side extends "input" | "output"> = T extends {
  readonly [K in Side]: MessageType<infer _M, infer Value, infer _Init>;
}
  ? Value
  : MessageShape<D>;

/** What is given for a message. */
type Write<D extends DescMessage, T, Side extends "input" | "output"> = T extends {
  readonly [K in Side]: MessageType<infer _M, infer _Value, infer Init>;
}
  ? Init
  : MessageInitShape<D>;

/** Handlers in domain types: otherwise as Connect's `ServiceImpl`. */
export type DomainHandlers<S extends DescService, T> = {
  [P in keyof S["method"]]: Method<S, P> extends DescMethodUnary<infer I, infer O>
    ? (
        request: Read<I, TypesOf<T, P>, "input">,
        context: HandlerContext,
      ) => Promise<Write<O, TypesOf<T, P>, "output">> | Write<O, TypesOf<T, P>, "output">
    : Method<S, P> extends DescMethodServerStreaming<infer I, infer O>
      ? (
          request: Read<I, TypesOf<T, P>, "input">,
          context: HandlerContext,
        ) => AsyncIterable<Write<O, TypesOf<T, P>, "output">>
      : Method<S, P> extends DescMethodClientStreaming<infer I, infer O>
        ? (
            requests: AsyncIterable<Read<I, TypesOf<T, P>, "input">>,
            context: HandlerContext,
          ) => Promise<Write<O, TypesOf<T, P>, "output">>
        : Method<S, P> extends DescMethodBiDiStreaming<infer I, infer O>
          ? (
              requests: AsyncIterable<Read<I, TypesOf<T, P>, "input">>,
              context: HandlerContext,
            ) => AsyncIterable<Write<O, TypesOf<T, P>, "output">>
          : never;
};

/** A client in domain types: otherwise as Connect's `Client`. */
export type DomainClient<S extends DescService, T> = {
  [P in keyof S["method"]]: Method<S, P> extends DescMethodUnary<infer I, infer O>
    ? (request: Write<I, TypesOf<T, P>, "input">, options?: CallOptions) => Promise<Read<O, TypesOf<T, P>, "output">>
    : Method<S, P> extends DescMethodServerStreaming<infer I, infer O>
      ? (
          request: Write<I, TypesOf<T, P>, "input">,
          options?: CallOptions,
        ) => AsyncIterable<Read<O, TypesOf<T, P>, "output">>
      : Method<S, P> extends DescMethodClientStreaming<infer I, infer O>
        ? (
            requests: AsyncIterable<Write<I, TypesOf<T, P>, "input">>,
            options?: CallOptions,
          ) => Promise<Read<O, TypesOf<T, P>, "output">>
        : Method<S, P> extends DescMethodBiDiStreaming<infer I, infer O>
          ? (
              requests: AsyncIterable<Write<I, TypesOf<T, P>, "input">>,
              options?: CallOptions,
            ) => AsyncIterable<Read<O, TypesOf<T, P>, "output">>
          : never;
};

/** A service in domain types: for `implement` and `createClient`, and in tests for `fake` and `app.client`. */
export type DomainService<S extends DescService, T> = AdaptedService<DomainHandlers<S, T>, DomainClient<S, T>>;

/**
 * Has handlers and clients of a service take and give domain types: ObjectIds, Dates and the others that the schema names by
 * `(portico.types.v1.as)`. Interceptors see protobuf messages, and so do methods whose messages have no such field.
 *
 * A request that does not fit is answered `invalid_argument` with a BadRequest detail that names the field. What a handler
 * gives that does not fit throws {@link DomainValueError}: `internal` for the caller, with the field's path in the log. A
 * client throws it before it calls, and answers `internal` where what it was sent does not fit.
 *
 * @param service of the generated `…_domain.js`
 */
export function withDomainTypes<S extends DescService, T extends Readonly<Record<string, MethodTypes>>>(
  service: ServiceTypes<S, T>,
): DomainService<S, T> {
  return {
    kind: "adapted",
    desc: service.desc,
    handlersOf: (handlers) => domainHandlers(service, handlers),
    // It has the methods that the type is made of, one by one.
    clientOf: (client) => domainClient(service, client) as DomainClient<S, T>,
  };
}
