import type { DescService } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";

/** A Protobuf service together with the code that answers its methods. Made by {@link implement}. */
export interface Implementation {
  readonly service: DescService;
  readonly methods: Readonly<Record<string, unknown>>;
}

/**
 * Pairs a generated service with its handlers, one for each method; a missing method is a compile error. Handlers have
 * the shapes of Connect's own `ServiceImpl`.
 */
export function implement<S extends DescService>(service: S, methods: ServiceImpl<S>): Implementation {
  return { service, methods: methods as Readonly<Record<string, unknown>> }; // ServiceImpl maps method names to handlers
}
