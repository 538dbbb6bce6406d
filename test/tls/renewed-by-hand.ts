import type { ChannelTls, RenewableTls } from "../../src/tls/renewable-tls.ts";

/** A channel's TLS that is another when a test says so. */
export interface RenewedByHand extends RenewableTls {
  renew(next?: ChannelTls): void;
}

export function renewedByHand(first: ChannelTls = {}, maxConnectionAgeMs = 60_000): RenewedByHand {
  const listeners = new Set<() => void>();
  let current = first;
  return {
    get current() {
      return current;
    },
    maxConnectionAgeMs,
    daysLeft: undefined,
    onRenewal(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    renew(next = { ...current }) {
      current = next;
      for (const listener of listeners) listener();
    },
  };
}
