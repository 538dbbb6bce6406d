import type { AddressInfo, Socket } from "node:net";
import { Code, ConnectError } from "@connectrpc/connect";
import type { ActiveCall } from "../call/call.ts";
import { runInCall } from "../call/current.ts";
import { REQUEST_ID_HEADER } from "../call/request-id.ts";
import type { Handler } from "../wire/exchange.ts";
import { refuse } from "../wire/refuse.ts";
import { createAcceptor, type Negotiated, type PortTls } from "./accept.ts";
import type { Arrival, RequestUnderWay, Serving } from "./arrival.ts";
import type { Carrier } from "./carrier.ts";
import { createCondition } from "./condition.ts";
import type { Connection } from "./connection.ts";
import { createConnections } from "./connections.ts";
import { readFirstBytes } from "./first-bytes.ts";
import { createHttp1Carrier } from "./http1-carrier.ts";
import { createHttp2Carrier } from "./http2-carrier.ts";
import { DEFAULT_PORT_LIMITS, type PortLimits } from "./limits.ts";
import { listen } from "./listen.ts";
import { MemoryAccount } from "./memory-account.ts";
import { createNodeHttp2Carrier } from "./node-http2-carrier.ts";
import { viewOfClient } from "./proxies.ts";
import { type RequestRecord, recordOf } from "./record.ts";
import { type CallSurroundings, callOf } from "./request-call.ts";
import type { ServedExchange } from "./served-exchange.ts";

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
  /** Told of every request once it is over. */
  onRecord(record: RequestRecord): void;
}

/** One port that takes HTTP/1.1 and HTTP/2 in cleartext. */
export interface Port {
  /** Opens the port; `::` falls back to `0.0.0.0` where IPv6 is off. Throws what node:net throws, such as EADDRINUSE. */
  listen(host: string, port: number): Promise<AddressInfo>;
  /** Takes no further connections, and has peers leave: GOAWAY on HTTP/2, `connection: close` on HTTP/1.1. */
  close(): void;
  /** Resolves once no request is under way. */
  idle(): Promise<void>;
  /** Resolves once no connection is left, but for those that were upgraded: after {@link close}, when peers have all. */
  empty(): Promise<void>;
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
}

export function createPort(options: PortOptions): Port {
  const { clock, log, onRecord } = options;
  const limits: PortLimits = { ...DEFAULT_PORT_LIMITS, ...options.limits };
  const calls = new Set<ActiveCall>();
  const idle = createCondition(() => calls.size === 0);
  const memory = new MemoryAccount<Connection>(limits.bufferedBytes, ({ speaks, socket }) => {
    if (speaks.protocol === "http2") {
      speaks.peer.calmDown();
    } else {
      socket.destroy();
    }
  });
  let closing = false;
  let abusiveConnections = 0;

  const serving: Serving = {
    begin,
    dispatch: (underWay) => void runInCall(underWay.call, () => answer(underWay)),
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
  const http1 = createHttp1Carrier({
    limits,
    serving,
    memory,
    upgrades: options.upgrades,
    connectionOf: connections.get,
    onRecord,
  });
  const http2: Carrier =
    options.http2Engine === "node"
      ? createNodeHttp2Carrier(limits, log, serving, memory)
      : createHttp2Carrier({ limits, clock, log, serving, memory, onAbuse: () => abusiveConnections++ });

  const acceptor = createAcceptor(options.tls, limits, log, onConnection);
  const { server } = acceptor;
  server.maxConnections = limits.connections;
  server.on("drop", connections.countRefused);

  function onConnection(socket: Socket, negotiated: Negotiated): void {
    const connection = connections.add(socket);
    const handOver = (protocol: "http1" | "http2") => {
      if (protocol === "http1") {
        http1.accept(connection);
      } else {
        socket.allowHalfOpen = false; // over HTTP/2 a peer that has closed its side is gone
        http2.accept(connection);
      }
    };
    if (negotiated === undefined) {
      readFirstBytes(socket, handOver);
    } else {
      handOver(negotiated);
    }
  }

  function begin(arrival: Arrival): RequestUnderWay {
    const { connection, head, answer } = arrival;
    const since = clock.now();
    const client = viewOfClient(connection?.address ?? "", head, options.trustedProxies);
    const call = callOf(head, client, options);
    const underWay: RequestUnderWay = {
      arrival,
      call,
      client,
      lose() {
        answer.lose();
        call.interrupt(new ConnectError("the caller went away", Code.Canceled));
      },
      over() {
        connection?.end(underWay, clock.now());
        runInCall(call, () => onRecord(recordOf(call, head, answer, clock.now() - since)));
        call.end();
        calls.delete(call);
        if (closing) {
          connection?.leave();
        }
        idle.check();
      },
    };
    calls.add(call);
    connection?.begin(underWay);
    return underWay;
  }

  async function answer({ arrival, call, client }: RequestUnderWay): Promise<void> {
    const exchange = arrival.exchange(call, client);
    try {
      exchange.setHeader(REQUEST_ID_HEADER, call.requestId);
      if (exchange.target === undefined) {
        const detail = "the request needs exactly one possible Host (or :authority), and a path that begins with /";
        return await refuse(exchange, 400, detail);
      }
      if (exchange.isHeadTooLarge) {
        return await refuse(exchange, 431, `the header list is larger than ${limits.headerListBytes} bytes`);
      }
      for (const handler of options.handlers) {
        const answered = handler(exchange);
        if (answered !== undefined) {
          return await answered;
        }
      }
      await refuse(exchange, 404, "nothing is served at this path");
    } catch (error) {
      call.log.error({ err: error }, "a request could not be answered");
      exchange.breakOff();
    }
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
    interrupt(reason) {
      for (const call of calls) {
        call.interrupt(reason);
      }
    },
    destroy() {
      closing = true;
      server.close();
      acceptor.destroy();
      connections.destroy();
    },
    stats: () => ({
      connections: connections.size,
      requests: calls.size,
      waitingBytes: memory.total,
      abusiveConnections,
    }),
  };
}
