import { distinctAddresses } from "./address.ts";
import type { Address, Resolver } from "./resolver.ts";

/**
 * A resolver that knows its backends: they are told once, soon after it was asked.
 *
 * @param addresses at least one; those that stand there twice are told once
 * @param authority what requests are addressed to, such as `orders:50051`
 */
export function staticResolver(addresses: readonly Address[], authority: string): Resolver {
  return {
    authority,
    resolve(listener) {
      let isClosed = false;
      queueMicrotask(() => {
        if (!isClosed) {
          listener.onAddresses(distinctAddresses(addresses));
        }
      });
      return {
        refresh: () => undefined, // there is nothing to look up
        close() {
          isClosed = true;
        },
      };
    },
  };
}
