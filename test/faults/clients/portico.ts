import { type ChannelOptions, createChannel, type Resolver } from "portico/client";
import { watchName } from "../names.ts";
import type { Calls, Target } from "./tested-client.ts";
import { transportCalls } from "./transport.ts";

/** Calls by our own channel. */
export function porticoCalls(target: Target, options: ChannelOptions): Calls {
  const { authority } = target;
  const channel = createChannel(addressOf(target), {
    ...options,
    ...(authority !== undefined && { tls: { ca: authority } }),
  });
  return {
    ...transportCalls(channel),
    stats: () => ({ ...channel.stats() }),
    [Symbol.asyncDispose]: () => channel[Symbol.asyncDispose](),
  };
}

function addressOf({ addresses, port, name, isTold, authority }: Target): string | Resolver {
  if (name !== undefined && isTold === true) return toldOf(name, port);
  if (name !== undefined) return `dns:///${name}:${port}`;
  const [first = "", ...others] = addresses;
  if (others.length > 0) return `static:///${addresses.map((address) => `${address}:${port}`).join(",")}`;
  return `${authority === undefined ? "http" : "https"}://${first}:${port}`;
}

/** A resolver as users write one whose registry tells of changes. */
function toldOf(name: string, port: number): Resolver {
  return {
    authority: `${name}:${port}`,
    resolve({ onAddresses }) {
      const close = watchName(name, (addresses) => onAddresses(addresses.map((host) => ({ host, port }))));
      return { refresh: () => undefined, close };
    },
  };
}
