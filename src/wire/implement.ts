import type { DescService } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";

/** A Protobuf service together with the code that answers its methods. Made by {@link implement}. */
export interface Implementation {
  readonly service: DescService;
  readonly methods: Partial<ServiceImpl<DescService>>;
}

/**
 * Pairs a generated service with its handlers, one for each method; a missing method is a compile error. Handlers have
 * the shapes of Connect's own `ServiceImpl`.
 */
export function implement<S extends DescService>(service: S, methods: ServiceImpl<S>): Implementation {
  // A full ServiceImpl of a particular service is a partial one of any: TypeScript can't relate the two mapped types.
  return { service, methods: methods as Partial<ServiceImpl<DescService>> };
}
