import { type Clock, systemClock } from "../../src/call/clock.ts";
import { Balancer, type BalancerOptions } from "../../src/client/balancing/balancer.ts";
import { ChannelSight } from "../../src/client/channel-sight.ts";
import { type ConnectorOptions, connector } from "../../src/client/connections/connector.ts";
import { Http2ClientConnection } from "../../src/client/connections/http2-connection.ts";
import type { Address } from "../../src/client/resolving/resolver.ts";
import { staticResolver } from "../../src/client/resolving/static-resolver.ts";

/** Departures from what a channel has. */
export interface TargetOptions extends ConnectorOptions, Partial<Omit<BalancerOptions, "clock">> {
  readonly clock?: Clock;
}

/** A channel's target without the calls above it: over HTTP/2 to one backend, unless the options say otherwise. */
export function httpTarget(url: URL, options: TargetOptions = {}): HttpTargetUnderTest {
  const { clock = systemClock, ...others } = options;
  const connections: Http2ClientConnection[] = [];
  const connect = connector({ url, isUrl: true }, options, clock);
  const port = Number(url.port || { "http:": 80, "https:": 443 }[url.protocol]);
  const address: Address = { host: url.hostname.replace(/^\[(.*)\]$/, "$1"), port };
  const balancer = new Balancer({
    origin: url.origin,
    resolver: staticResolver([address], url.host),
    random: Math.random,
    balancing: "least_request",
    maxConnectionsPerBackend: 1,
    maxWaiting: 10_000,
    ejection: undefined,
    checkHealth: async () => true,
    sight: new ChannelSight(url.origin),
    connect(where, listener, isFurther) {
      const connection = connect(where, listener, isFurther);
      if (connection instanceof Http2ClientConnection) connections.push(connection);
      return connection;
    },
    ...others,
    clock,
  });
  return {
    balancer,
    origin: url.origin,
    connections,
    request: (...request) => balancer.request(...request),
    state: () => balancer.backends.members[0]?.state ?? "idle",
    close: () => balancer.close(),
  };
}

export interface HttpTargetUnderTest extends Pick<Balancer, "origin" | "request" | "close"> {
  readonly balancer: Balancer;
  /** All that were begun, over HTTP/2. */
  readonly connections: readonly Http2ClientConnection[];
  /** Of the one backend. */
  state(): string;
}
