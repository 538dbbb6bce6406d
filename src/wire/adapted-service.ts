import type { DescService } from "@bufbuild/protobuf";
import type { Client, ServiceImpl } from "@connectrpc/connect";

/** A service whose handlers and clients have shapes of their own in the place of Connect's, such as domain types. */
export interface AdaptedService<Handlers extends object, Caller extends object> {
  readonly kind: "adapted";
  readonly desc: DescService;
  /** The same handlers in Connect's shapes; those that are missing stay so. */
  handlersOf(handlers: Partial<Handlers>): Partial<ServiceImpl<DescService>>;
  /** The same client in shapes of its own. */
  clientOf(client: Client<DescService>): Caller;
}

/** What a service may be given as: its generated descriptor, or that with shapes of its own around it. */
export type AnyService = DescService | AdaptedService<object, object>;

/** The handlers of a service, in its own shapes or Connect's. */
export type HandlersOf<S extends AnyService> = S extends DescService
  ? ServiceImpl<S>
  : S extends AdaptedService<infer Handlers, object>
    ? Handlers
    : never;

/** The client of a service, in its own shapes or Connect's. */
export type ClientOf<S extends AnyService> = S extends DescService
  ? Client<S>
  : S extends AdaptedService<object, infer Caller>
    ? Caller
    : never;
