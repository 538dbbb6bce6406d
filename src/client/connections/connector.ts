import type { Clock } from "../../call/clock.ts";
import { type ChannelTls, type RenewableTls, renewable } from "../../tls/renewable-tls.ts";
import { clockOutsideOfCalls } from "../outside-of-calls.ts";
import { formatAddress, withoutBrackets } from "../resolving/address.ts";
import type { Address } from "../resolving/resolver.ts";
import { connectSocket } from "./connect-socket.ts";
import type { Connect } from "./connection.ts";
import { Http1Connection } from "./http1-connection.ts";
import { Http2ClientConnection } from "./http2-connection.ts";
import { socketSecurity } from "./socket-security.ts";

/** What connections of a channel have in common. Times in milliseconds. */
export interface ConnectorOptions {
  /** By default as Node has it. */
  readonly tls?: ChannelTls | RenewableTls | undefined;
  readonly httpVersion?: "1.1" | "2";
  readonly connectTimeoutMs?: number;
  readonly idleTimeoutMs?: number;
  readonly keepaliveMs?: number;
  /** Streams that a connection carries in its life. */
  readonly maxStreams?: number;
}

export const CONNECTION_DEFAULTS = {
  connectTimeoutMs: 5000,
  idleTimeoutMs: 15 * 60_000, // as connect-node
  keepaliveMs: 5 * 60_000, // the shortest that gRPC servers take without being asked for it
  maxStreams: 2 ** 30,
} as const;

/** How long connections stay without a call that were made beside others, for a crowd that may be over. */
const FURTHER_IDLE_MS = 5000;
/** However often a peer finds that it is asked too often. */
const MAX_KEEPALIVE_MS = 2 * 60 * 60_000; // RFC 9113 has no bound; TCP's own keepalive begins by then (RFC 1122, 4.2.3.6)

/**
 * Connects to backends over sockets.
 *
 * @param url what requests are addressed to: its scheme says whether TLS is spoken, and its host who the peer has to be
 * @param isUrl errors name the backend as the target is named
 */
export function connector(
  { url, isUrl }: { readonly url: URL; readonly isUrl: boolean },
  options: ConnectorOptions,
  clock: Clock,
): Connect {
  const { tls = {}, httpVersion = "2", connectTimeoutMs = CONNECTION_DEFAULTS.connectTimeoutMs } = options;
  const { idleTimeoutMs = CONNECTION_DEFAULTS.idleTimeoutMs, maxStreams = CONNECTION_DEFAULTS.maxStreams } = options;
  const security =
    url.protocol === "https:" ? socketSecurity(renewable(tls), withoutBrackets(url.hostname)) : undefined;
  const outside = clockOutsideOfCalls(clock);
  let keepaliveMs = options.keepaliveMs ?? CONNECTION_DEFAULTS.keepaliveMs;
  const Connection = httpVersion === "2" ? Http2ClientConnection : Http1Connection;
  return (address: Address, listener, isFurther) =>
    new Connection(
      {
        origin: isUrl ? url.origin : `${url.protocol}//${formatAddress(address)}`,
        connect: (onReady) => connectSocket(address, security, httpVersion, onReady),
        clock: outside,
        connectTimeoutMs,
        keepaliveMs,
        idleMs: isFurther ? Math.min(idleTimeoutMs, FURTHER_IDLE_MS) : idleTimeoutMs,
        maxStreams,
        onTooManyPings() {
          keepaliveMs = Math.min(2 * keepaliveMs, MAX_KEEPALIVE_MS);
        },
      },
      listener,
    );
}
