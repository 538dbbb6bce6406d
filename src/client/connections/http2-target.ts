import { AsyncLocalStorage } from "node:async_hooks";
import { type Clock, systemClock } from "../../call/clock.ts";
import { channelClosed } from "./channel-closed.ts";
import type { ClientConnectionOptions } from "./client-connection-options.ts";
import { type ChannelTls, connectSocket } from "./connect-socket.ts";
import type { HttpTarget } from "./http-request.ts";
import { ClientConnection } from "./http2-client-connection.ts";
import { Http2Request } from "./http2-request.ts";

/** Where requests go over HTTP/2. */
export interface Http2Target extends HttpTarget {
  /**
   * The connection for the next stream; connects where there is none.
   *
   * @throws ConnectError `unavailable` once the target is closed
   */
  connection(): ClientConnection;
  /** Of the connection that was made last; `idle` where none is there, so that the next call makes one. */
  state(): "idle" | "connecting" | "open" | "leaving";
}

/** Departures from the defaults. */
export interface Http2TargetOptions
  extends Partial<Pick<ClientConnectionOptions, "connectTimeoutMs" | "idleMs" | "maxWaiting" | "maxStreams">> {
  readonly tls?: ChannelTls | undefined;
  readonly clock?: Clock;
}

/** The shortest interval that gRPC servers take without being asked for it (gRPC's A8). */
const KEEPALIVE_MS = 5 * 60_000;
const DEFAULTS = {
  connectTimeoutMs: 5000,
  idleMs: 15 * 60_000, // as connect-node
  maxWaiting: 10_000,
  maxStreams: 2 ** 30,
};

/** A connection outlives the call that it is made for, and must not hold on to it. */
const outsideOfCalls = AsyncLocalStorage.snapshot();

/**
 * A target over HTTP/2, to which nothing is connected yet: it has one connection at a time, and another when that leaves or
 * is lost.
 */
export function createHttp2Target(url: URL, options: Http2TargetOptions = {}): Http2Target {
  const { tls = {}, clock = systemClock, ...limits } = options;
  const connections = new Set<ClientConnection>();
  let current: ClientConnection | undefined;
  let keepaliveMs = KEEPALIVE_MS;
  let isClosed = false;

  function connect(): ClientConnection {
    const connection = new ClientConnection({
      ...DEFAULTS,
      ...limits,
      origin: url.origin,
      connect: (onReady) => connectSocket(url, tls, onReady),
      clock: { now: () => clock.now(), schedule: (ms, callback) => outsideOfCalls(() => clock.schedule(ms, callback)) },
      keepaliveMs,
      onTooManyPings() {
        keepaliveMs *= 2;
      },
      onClosed() {
        connections.delete(connection);
      },
    });
    connections.add(connection);
    return connection;
  }

  function connection(): ClientConnection {
    if (isClosed) {
      throw channelClosed(url.origin);
    }
    if (current === undefined || !current.isUsable) {
      current = outsideOfCalls(connect);
    }
    return current;
  }

  return {
    origin: url.origin,
    connection,
    request(head, body, listener) {
      const request = new Http2Request(connection, head, body, listener);
      request.start();
      return request;
    },
    state() {
      const state = current?.state ?? "closed";
      return state === "closed" ? "idle" : state;
    },
    close() {
      isClosed = true;
      for (const connection of connections) {
        connection.close("the channel was closed");
      }
    },
  };
}
