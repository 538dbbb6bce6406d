import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { ChannelEvents } from "portico/client";

const EVENT = "portico:client:retry";

/** Calls that channels of this process have made again after a failure, and not because no server had seen them. */
export function watchRetries(): Disposable & { readonly seen: readonly ChannelEvents["retry"][] } {
  const seen: ChannelEvents["retry"][] = [];
  const onRetry = (message: unknown) => {
    const event = message as ChannelEvents["retry"]; // what is published there
    if (event.kind === "retry") seen.push(event);
  };
  subscribe(EVENT, onRetry);
  return { seen, [Symbol.dispose]: () => void unsubscribe(EVENT, onRetry) };
}
