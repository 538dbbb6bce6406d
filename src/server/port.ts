import type { AddressInfo, Socket } from "node:net";
import type { ConnectError } from "@connectrpc/connect";
import { runInCall } from "../call/current.ts";
import type { PeerIdentity } from "../call/peer.ts";
import { REQUEST_ID_HEADER } from "../call/request-id.ts";
import type { Handler } from "../wire/exchange.ts";
import { refuse, refuseWith } from "../wire/refuse.ts";
import { type Accepted, createAcceptor, type PortTls } from "./accept.ts";
import type { Carrier } from "./carrier.ts";
import { createCondition } from "./condition.ts";
import type { Connection } from "./connection.ts";
import { createConnections } from "./connections.ts";
import { readFirstBytes } from "./first-bytes.ts";
import { handshakeLog } from "./handshake-log.ts";
import { createHttp1Carrier } from "./http1-carrier.ts";
import { createHttp2Carrier } from "./http2-carrier.ts";
import { DEFAULT_PORT_LIMITS, type PortLimits } from "./limits.ts";
import { listen } from "./listen.ts";
import { MemoryAccount } from "./memory-account.ts";
import { speaksTls } from "./misplaced.ts";
import { createNodeHttp2Carrier } from "./node-http2-carrier.ts";
import { plainAddress } from "./proxies.ts";
import { type RequestRecord, recordOf } from "./record.ts";
import { type CallSurroundings, callOf } from "./request-call.ts";
import { Roster } from "./roster.ts";
import type { ServedExchange } from "./served-exchange.ts";
import type { Serving } from "./serving.ts";

export interface PortOptions extends CallSurroundings {
  /** Asked in order; the first that takes an exchange answers it. */
  readonly handlers: readonly Handler<ServedExchange>[];
  /** Whether a handler takes over connections that are upgraded over HTTP/1.1; if not, Upgrade is ignored. */
  readonly upgrades: boolean;
  readonly limits?: Partial<PortLimits> | undefined;
  /** What speaks HTTP/2: our own engine, or node:http2, which keeps no limits. Default `own`. */
  readonly http2Engine?: "own" | "node" | undefined;
  /** Serves TLS in the place of cleartext. */
  readonly tls?: PortTls | undefined;
  /** Who peers count as that have no certificate: for tests. Default: nobody. */
  readonly assumedIdentity?: PeerIdentity | undefined;
  /** Whether answers carry the request id. Default true. */
  readonly answersRequestId?: boolean | undefined;
  /** Told of every request once it is over, outside of its call. */
  readonly onRecord?: ((record: RequestRecord) => void) | undefined;
}

/** One port that takes HTTP/1.1 and HTTP/2, in cleartext or by TLS. */
export interface Port {
  /** Opens the port; `::` falls back to `0.0.0.0` where IPv6 is off. Throws what node:net throws, such as EADDRINUSE. */
  listen(host: string, port: number): Promise<AddressInfo>;
  /** Takes no further connections, and has peers leave: GOAWAY on HTTP/2, `connection: close` on HTTP/1.1. */
  close(): void;
  /** Resolves once no request is under way. */
  idle(): Promise<void>;
  /** Resolves once no connection is left, but for those that were upgraded: after {@link close}, when peers have all. */
  empty(): Promise<void>;
  /**
   * Makes further connections by another certificate, and has those that there are make way: each is asked to leave at a
   * moment by chance in the first half of `withinMs`, and ended after it.
   *
   * @throws Error where certificate and key are not such, or do not match; all stays as it was then
   */
  renewTls(tls: PortTls, withinMs: number): void;
  /** Cuts every call short with `reason`. */
  interrupt(reason: ConnectError): void;
  /** Ends every connection, whatever is under way. */
  destroy(): void;
  stats(): PortStats;
}

export interface PortStats {
  readonly connections: number;
  readonly requests: number;
  /** What is kept of answers that wait for their readers, and of messages that are not whole, in bytes. */
  readonly waitingBytes: number;
  /** HTTP/2 connections that have ended after their peers broke the rules, since the start. */
  readonly abusiveConnections: number;
  /** Connections whose TLS handshake failed, or that spoke cleartext to TLS or TLS to cleartext, since the start. */
  readonly failedHandshakes: number;
}

export function createPort(options: PortOptions): Port {
  const { clock, log, answersRequestId = true } = options;
  const limits: PortLimits = { ...DEFAULT_PORT_LIMITS, ...options.limits };
  const underWay = new Roster<ServedExchange>();
  const idle = createCondition(() => underWay.size === 0);
  const memory = new MemoryAccount<Connection>(limits.bufferedBytes, ({ speaks, socket }) => {
    if (speaks.protocol === "http2") {
      speaks.peer.calmDown();
    } else {
      socket.destroy();
    }
  });
  let closing = false;
  /** What connections have that were made by an old certificate, in milliseconds. */
  let oldWithinMs = 0;
  let abusiveConnections = 0;
  let failedHandshakes = 0;
  const handshakes = handshakeLog(log, clock);

  const serving: Serving = {
    callOf: (received) => callOf(received, options),
    begin(exchange) {
      underWay.add(exchange);
    },
    dispatch,
    over(exchange) {
      options.onRecord?.(recordOf(exchange));
      exchange.call.end();
      underWay.remove(exchange);
      idle.check();
    },
    get isClosing() {
      return closing;
    },
  };
  const connections = createConnections({
    limits,
    clock,
    log,
    onHeadTimeout(connection) {
      if (connection.speaks.protocol === "http1") {
        http1.onHeadTimeout(connection);
      } else {
        connection.destroy();
      }
    },
  });
  const requests = { limits, serving, memory, trustedProxies: options.trustedProxies };
  const http1 = createHttp1Carrier({
    ...requests,
    upgrades: options.upgrades,
    connectionOf: connections.get,
    onUnread: (record) => options.onRecord?.(record),
  });
  const http2: Carrier =
    options.http2Engine === "node"
      ? createNodeHttp2Carrier(requests, log)
      : createHttp2Carrier({ ...requests, clock, log, onAbuse: () => abusiveConnections++ });

  const acceptor = createAcceptor({ tls: options.tls, limits, clock, onConnection, onFailure });
  const { server } = acceptor;
  server.maxConnections = limits.connections;
  server.on("drop", connections.countRefused);

  function onFailure(socket: Socket, problem: string): void {
    failedHandshakes++;
    handshakes.note(plainAddress(socket.remoteAddress), `a connection came to nothing: ${problem}`);
  }

  function onConnection({ socket, negotiated, certificate, isOld }: Accepted): void {
    const { identity, problem } = certificate;
    const isNobody = identity === undefined && problem === undefined;
    const connection = connections.add(socket, isNobody ? { identity: options.assumedIdentity, problem } : certificate);
    if (isOld) {
      connections.retire(oldWithinMs, [connection]);
    }
    if (problem !== undefined) {
      handshakes.note(connection.address, `a client's certificate is not accepted: ${problem}`);
    }
    const handOver = (protocol: "http1" | "http2") => {
      if (protocol === "http1") {
        if (options.tls !== undefined && !("encrypted" in socket)) {
          connection.retire(); // its one answer is a refusal; over HTTP/2 clients would read of a GOAWAY in its place
        }
        http1.accept(connection);
      } else {
        socket.allowHalfOpen = false; // over HTTP/2 a peer that has closed its side is gone
        http2.accept(connection);
      }
    };
    if (negotiated === undefined) {
      readFirstBytes(socket, handOver, () => onFailure(socket, "the peer speaks TLS, and this port cleartext"));
    } else {
      handOver(negotiated);
    }
  }

  /** Has the first handler answer that takes the exchange. */
  function dispatch(exchange: ServedExchange): void {
    try {
      const answered = answer(exchange);
      if (answered !== true) {
        answered.catch((error: unknown) => fail(exchange, error));
      }
    } catch (error) {
      fail(exchange, error);
    }
  }

  function answer(exchange: ServedExchange): Promise<void> | true {
    if (answersRequestId) {
      exchange.setHeader(REQUEST_ID_HEADER, exchange.call.requestId);
    }
    if (options.tls !== undefined && !exchange.received.isEncrypted) {
      return refuseWith(exchange, speaksTls());
    }
    if (exchange.received.target === undefined) {
      const detail = "the request needs exactly one possible Host (or :authority), and a path that begins with /";
      return refuse(exchange, 400, detail);
    }
    if (exchange.isHeadTooLarge) {
      return refuse(exchange, 431, `the header list is larger than ${limits.headerListBytes} bytes`);
    }
    for (const handler of options.handlers) {
      const answered = handler(exchange);
      if (answered !== undefined) {
        return answered;
      }
    }
    return refuse(exchange, 404, "nothing is served at this path");
  }

  function fail(exchange: ServedExchange, error: unknown): void {
    const { call } = exchange;
    runInCall(call, () => call.log.error({ err: error }, "a request could not be answered"));
    exchange.breakOff();
  }

  return {
    listen: (host, port) => listen(server, host, port),
    close() {
      closing = true;
      server.close();
      connections.leave();
    },
    idle: idle.wait,
    empty: connections.empty,
    renewTls(tls, withinMs) {
      acceptor.renew(tls);
      oldWithinMs = withinMs;
      connections.retire(withinMs);
    },
    interrupt(reason) {
      for (const { call } of underWay.values()) {
        call.interrupt(reason);
      }
    },
    destroy() {
      closing = true;
      server.close();
      handshakes.close();
      acceptor.destroy();
      connections.destroy();
    },
    stats: () => ({
      connections: connections.size,
      requests: underWay.size,
      waitingBytes: memory.total,
      abusiveConnections,
      failedHandshakes,
    }),
  };
}
