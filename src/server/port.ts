import * as http from "node:http";
import * as http2 from "node:http2";
import * as net from "node:net";
import type { Duplex } from "node:stream";
import type { ConnectError } from "@connectrpc/connect";
import type { ActiveCall } from "../call/call.ts";
import { runInCall } from "../call/current.ts";
import { REQUEST_ID_HEADER, requestIdFrom } from "../call/request-id.ts";
import type { Handler } from "../wire/exchange.ts";
import { refuse } from "../wire/refuse.ts";
import { watchAnswer } from "./answer-watch.ts";
import { createCondition } from "./condition.ts";
import { type Connection, lose, type RequestUnderWay } from "./connection.ts";
import { createConnections } from "./connections.ts";
import { readFirstBytes } from "./first-bytes.ts";
import { headerListBytes } from "./header-list.ts";
import { createHttp1Server, type UpgradeOffer, upgradeOffer } from "./http1-server.ts";
import { DEFAULT_PORT_LIMITS, type PortLimits } from "./limits.ts";
import { closeAfterAnswer, resetAfterAnswer } from "./linger.ts";
import { listen } from "./listen.ts";
import { NodeExchange, type NodeRequest, type NodeResponse } from "./node-exchange.ts";
import { viewOfClient } from "./proxies.ts";
import { type RequestRecord, recordOf, unreadRecord } from "./record.ts";
import { HEAD_TIMEOUT, isMalformed, refuseUnread } from "./refusal.ts";
import { type CallSurroundings, callOf } from "./request-call.ts";
import { readTarget } from "./target.ts";

export interface PortOptions extends CallSurroundings {
  /** Asked in order; the first that takes an exchange answers it. */
  readonly handlers: readonly Handler<NodeExchange>[];
  /** Whether a handler takes over connections that are upgraded over HTTP/1.1; if not, Upgrade is ignored. */
  readonly upgrades: boolean;
  readonly limits?: Partial<PortLimits> | undefined;
  /** Told of every request once it is over. */
  onRecord(record: RequestRecord): void;
}

/** One port that takes HTTP/1.1 and HTTP/2 in cleartext. */
export interface Port {
  /** Opens the port; `::` falls back to `0.0.0.0` where IPv6 is off. Throws what node:net throws, such as EADDRINUSE. */
  listen(host: string, port: number): Promise<net.AddressInfo>;
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
  stats(): { readonly connections: number; readonly requests: number };
}

export function createPort(options: PortOptions): Port {
  const { clock, log } = options;
  const limits: PortLimits = { ...DEFAULT_PORT_LIMITS, ...options.limits };
  const connections = createConnections({ limits, clock, log, onHeadTimeout });
  const streams = new WeakMap<http2.Http2Stream, Connection>();
  const calls = new Set<ActiveCall>();
  const idle = createCondition(() => calls.size === 0);
  let closing = false;

  const netServer = net.createServer({ allowHalfOpen: true, noDelay: true, keepAlive: true }, onConnection);
  netServer.maxConnections = limits.connections;
  netServer.on("drop", connections.countRefused);
  const http1Server = createHttp1Server(limits, options.upgrades);
  const http2Server = http2.createServer({
    settings: { maxConcurrentStreams: limits.streamsPerConnection, maxHeaderListSize: limits.headerListBytes },
  });
  for (const server of [http1Server, http2Server]) {
    server.on("request", onRequest);
    server.on("checkExpectation", onRequest); // an expectation that is not known is ignored (RFC 9110, 10.1.1)
  }
  http2Server.on("connect", onRequest); // refused for its target
  http1Server.on("clientError", onClientError);
  http2Server.on("sessionError", (error) => log.debug({ err: error }, "an HTTP/2 connection failed"));

  function onConnection(socket: net.Socket): void {
    const connection = connections.add(socket);
    readFirstBytes(socket, (protocol) => {
      if (protocol === "http1") {
        connection.speaks = { protocol };
        socket.once("end", () => connection.outliveHalfClose(clock));
        http1Server.emit("connection", socket);
        socket.resume();
      } else {
        socket.allowHalfOpen = false; // over HTTP/2 a peer that has closed its side is gone
        http2Server.once("session", (session) => onSession(connection, session)); // emitted before the next line returns
        http2Server.emit("connection", socket);
      }
    });
  }

  function onSession(connection: Connection, session: http2.ServerHttp2Session): void {
    connection.speaks = { protocol: "http2", session };
    // Before the request is made of it: a stream that is reset at once knows its session no more.
    session.prependListener("stream", (stream) => streams.set(stream, connection));
    if (closing) {
      session.close();
    }
  }

  function onRequest(request: NodeRequest, response: NodeResponse): void {
    const since = clock.now();
    const connection = connectionOf(request);
    const client = viewOfClient(connection?.address ?? "", request, options.trustedProxies);
    const call = callOf(request, client, options);
    const answer = watchAnswer(request, response);
    const underWay: RequestUnderWay = { request, call, answer };
    calls.add(call);
    connection?.begin(underWay);
    request.on("error", ignoreLostPeer);
    response.on("error", ignoreLostPeer);
    response.setHeader(REQUEST_ID_HEADER, call.requestId);
    if (request instanceof http.IncomingMessage && response instanceof http.ServerResponse) {
      closeAfterAnswer(request, response, () => closing);
    } else if (request instanceof http2.Http2ServerRequest && response instanceof http2.Http2ServerResponse) {
      resetAfterAnswer(request, response);
    }
    const over = () => {
      if (!answer.finished) {
        lose(underWay);
      }
      connection?.end(underWay, clock.now());
      runInCall(call, () => options.onRecord(recordOf(call, request, answer, clock.now() - since)));
      call.end();
      calls.delete(call);
      if (closing) {
        connection?.leave();
      }
      idle.check();
    };
    response.once("close", over);
    if (request.destroyed) {
      lose(underWay);
    }
    request.once("aborted", () => lose(underWay)); // comes before whoever reads the request's body finds it broken
    const offer = upgradeOffer(request);
    const takeOver = offer === undefined ? undefined : () => takeOverConnection(offer, underWay, connection, over);
    void runInCall(call, () =>
      dispatch(new NodeExchange(call, request, response, readTarget(request, client), takeOver)),
    );
  }

  /** Gives an upgraded connection away, and its request an end: with the connection's. */
  function takeOverConnection(
    offer: UpgradeOffer,
    { answer }: RequestUnderWay,
    connection: Connection | undefined,
    over: () => void,
  ): UpgradeOffer {
    if (connection !== undefined) {
      connection.speaks = { protocol: "upgraded" };
    }
    answer.replacedBy({ status: 101, bytes: 0 });
    offer.socket.once("close", over);
    return offer;
  }

  function connectionOf(request: NodeRequest): Connection | undefined {
    return request instanceof http2.Http2ServerRequest ? streams.get(request.stream) : connections.get(request.socket);
  }

  async function dispatch(exchange: NodeExchange): Promise<void> {
    try {
      if (exchange.target === undefined) {
        const detail = "the request needs exactly one possible Host (or :authority), and a path that begins with /";
        return await refuse(exchange, 400, detail);
      }
      if (headerListBytes(exchange.request.rawHeaders) > limits.headerListBytes) {
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
      exchange.call.log.error({ err: error }, "a request could not be answered");
      exchange.breakOff();
    }
  }

  /** A request that node:http could not read is answered and recorded all the same, behind the answers before it. */
  function onClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
    const connection = socket instanceof net.Socket ? connections.get(socket) : undefined;
    const underWay = [...(connection?.requests ?? [])];
    const broken = underWay.find(({ request }) => !request.complete);
    if (connection === undefined || underWay.length === 0) {
      const requestId = requestIdFrom(undefined);
      const refusal = refuseUnread(error.code, socket, requestId);
      if (refusal !== undefined) {
        const address = connection?.address ?? "";
        options.onRecord(unreadRecord(requestId, address, refusal));
      }
    } else if (broken === undefined && error.code !== "ECONNRESET") {
      connection.onceIdle(() => onClientError(error, socket));
    } else if (underWay.length === 1 && broken !== undefined && !broken.answer.begun && isMalformed(error)) {
      const refusal = refuseUnread(error.code, socket, broken.call.requestId);
      if (refusal !== undefined) {
        broken.answer.replacedBy(refusal);
      }
    } else {
      socket.destroy();
    }
  }

  function onHeadTimeout(connection: Connection): void {
    if (connection.speaks.protocol === "http1") {
      onClientError(HEAD_TIMEOUT, connection.socket);
    } else {
      connection.destroy();
    }
  }

  return {
    listen: (host, port) => listen(netServer, host, port),
    close() {
      closing = true;
      netServer.close();
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
      netServer.close();
      connections.destroy();
    },
    stats: () => ({ connections: connections.size, requests: calls.size }),
  };
}

/** A lost peer shows as the close of its answer, and is recorded there; without a listener it would end the process. */
const ignoreLostPeer = () => undefined;
