import type { DescService } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import type { AnyService, HandlersOf } from "./adapted-service.ts";

/** A Protobuf service together with the code that answers its methods. Made by {@link implement}. */
export interface Implementation {
  readonly service: DescService;
  readonly methods: Partial<ServiceImpl<DescService>>;
}

/**
 * Pairs a generated service with its handlers, one for each method; a missing method is a compile error. Handlers have
 * the shapes of Connect's own `ServiceImpl`, or those that `withDomainTypes` gives the service.
 */
export function implement<S extends AnyService>(service: S, methods: HandlersOf<S>): Implementation {
  return implementPartly(service, methods as Partial<HandlersOf<S>>); // all of them are some of them
}

/** The same, where handlers may be missing: their methods are `unimplemented`. */
export function implementPartly<S extends AnyService>(service: S, methods: Partial<HandlersOf<S>>): Implementation {
  return service.kind === "service"
    ? // A particular service's ServiceImpl is one of any service: TypeScript can't relate the two mapped types.
      { service, methods: methods as Partial<ServiceImpl<DescService>> }
    : { service: service.desc, methods: service.handlersOf(methods) };
}
