import { createClient as createConnectClient, type Transport } from "@connectrpc/connect";
import type { AnyService, ClientOf } from "../wire/adapted-service.ts";

/**
 * Connect's own `createClient`, which also takes a service that `withDomainTypes` was given: its client takes and gives
 * domain types.
 *
 * @param transport a channel, or any other transport of Connect's
 */
export function createClient<S extends AnyService>(service: S, transport: Transport): ClientOf<S> {
  // Which client it is depends on the service's kind, which ClientOf tells by.
  return (
    service.kind === "service"
      ? createConnectClient(service, transport)
      : service.clientOf(createConnectClient(service.desc, transport))
  ) as ClientOf<S>;
}
