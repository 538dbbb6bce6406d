import type { DescMethod, Message } from "@bufbuild/protobuf";
import type { ConnectError, Interceptor } from "@connectrpc/connect";
import type { ActiveCall } from "../call/call.ts";

/** What a service does with every call, in both of the ways in which calls are answered. */
export interface CallRules {
  /** For Connect's handlers: outside of the service's own interceptors. */
  readonly interceptors: readonly Interceptor[];
  /** Runs what may be a user's code within its call. */
  run<T>(call: ActiveCall, work: () => T): T;
  /** A message has come from the caller. */
  onMessage(call: ActiveCall, method: DescMethod, message: Message): void;
  /**
   * What the caller is told of what a handler threw; what only the service may know is logged.
   *
   * @param method as logs have it
   */
  errorFor(call: ActiveCall, method: string, thrown: unknown): ConnectError;
  /** A handler failed after its call had been cut short, and has its answer. */
  onLateFailure(call: ActiveCall, thrown: unknown): void;
}
