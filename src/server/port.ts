import * as http from "node:http";
import * as http2 from "node:http2";
import * as net from "node:net";
import type { Duplex } from "node:stream";
import { Code, ConnectError } from "@connectrpc/connect";
import type { ActiveCall } from "../call/call.ts";
import { runInCall } from "../call/current.ts";
import { REQUEST_ID_HEADER, requestIdFrom } from "../call/request-id.ts";
import type { Handler } from "../wire/exchange.ts";
import { problemFromStatus, respondProblem } from "../wire/problem.ts";
import { type AnswerWatch, watchAnswer } from "./answer-watch.ts";
import { Connection } from "./connection.ts";
import { createHttp1Server, type UpgradeHandler } from "./http1-server.ts";
import { DEFAULT_PORT_LIMITS, type PortLimits } from "./limits.ts";
import { closeAfterAnswer } from "./linger.ts";
import { NodeExchange, type NodeRequest, type NodeResponse } from "./node-exchange.ts";
import { plainAddress } from "./proxies.ts";
import type { RequestRecord } from "./record.ts";
import { type Refusal, refuse } from "./refusal.ts";
import { type CallSurroundings, callOf } from "./request-call.ts";
import { sniff } from "./sniff.ts";
import { readTarget, splitUrl } from "./target.ts";

export interface PortOptions extends CallSurroundings {
  /** Asked in order; the first that takes an exchange answers it. */
  readonly handlers: readonly Handler<NodeExchange>[];
  /** Takes over connections that are upgraded over HTTP/1.1; without one, Upgrade is ignored. */
  readonly upgrade?: UpgradeHandler | undefined;
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
  /** Cuts every call short with `reason`. */
  interrupt(reason: ConnectError): void;
  /** Ends every connection, whatever is under way. */
  destroy(): void;
  stats(): { readonly connections: number; readonly requests: number };
}

const SWEEP_INTERVAL_MS = 1000;

export function createPort(options: PortOptions): Port {
  const { clock, log } = options;
  const limits: PortLimits = { ...DEFAULT_PORT_LIMITS, ...options.limits };
  const connections = new Map<net.Socket, Connection>();
  const sessions = new WeakMap<http2.Http2Session, Connection>();
  const calls = new Set<ActiveCall>();
  const whenIdle: (() => void)[] = [];
  let closing = false;

  const netServer = net.createServer({ allowHalfOpen: true, noDelay: true, keepAlive: true }, onConnection);
  netServer.maxConnections = limits.connections;
  const http1Server = createHttp1Server(limits, options.upgrade && onUpgrade);
  const http2Server = http2.createServer({
    settings: { maxConcurrentStreams: limits.streamsPerConnection, maxHeaderListSize: limits.headerListBytes },
  });
  http1Server.on("request", onRequest);
  http2Server.on("request", onRequest);
  http1Server.on("clientError", onClientError);
  http2Server.on("sessionError", (error) => log.debug({ err: error }, "an HTTP/2 connection failed"));

  function onConnection(socket: net.Socket): void {
    const connection = new Connection(socket, clock.now());
    connections.set(socket, connection);
    socket.on("close", () => connections.delete(socket));
    socket.on("error", (error) => log.debug({ err: error }, "a connection failed"));
    let read: Buffer = Buffer.alloc(0);
    socket.on("end", onEnd);
    socket.on("data", onData);

    function onEnd() {
      socket.destroy();
    }
    function onData(chunk: Buffer) {
      read = read.length === 0 ? chunk : Buffer.concat([read, chunk]);
      const sniffed = sniff(read);
      if (sniffed === "more") {
        return;
      }
      socket.off("data", onData);
      socket.off("end", onEnd);
      if (sniffed === "neither") {
        socket.destroy();
        return;
      }
      socket.pause();
      socket.unshift(read);
      if (sniffed === "http1") {
        connection.speaks = { protocol: "http1" };
        http1Server.emit("connection", socket);
        socket.resume();
      } else {
        http2Server.once("session", (session) => onSession(connection, session)); // emitted before the next line returns
        http2Server.emit("connection", socket);
      }
    }
  }

  function onSession(connection: Connection, session: http2.ServerHttp2Session): void {
    connection.speaks = { protocol: "http2", session };
    sessions.set(session, connection);
    if (closing) {
      session.close();
    }
  }

  function onRequest(request: NodeRequest, response: NodeResponse): void {
    const since = clock.now();
    const call = callOf(request, options);
    const connection = connectionOf(request);
    const answer = watchAnswer(response);
    calls.add(call);
    connection?.begin(request);
    request.on("error", ignoreLostPeer);
    response.on("error", ignoreLostPeer);
    response.setHeader(REQUEST_ID_HEADER, call.requestId);
    if (request instanceof http.IncomingMessage && response instanceof http.ServerResponse) {
      closeAfterAnswer(request, response, () => closing);
    }
    response.once("close", () => {
      if (!answer.finished) {
        call.interrupt(new ConnectError("the caller went away", Code.Canceled));
      }
      connection?.end(request, clock.now());
      runInCall(call, () => options.onRecord(recordOf(call, request, answer, clock.now() - since)));
      call.end();
      calls.delete(call);
      if (closing) {
        connection?.leave();
      }
      if (calls.size === 0) {
        for (const resolve of whenIdle.splice(0)) {
          resolve();
        }
      }
    });
    void runInCall(call, () => dispatch(call, request, response));
  }

  function onUpgrade(request: http.IncomingMessage, socket: Duplex, head: Buffer): void {
    const connection = connections.get(request.socket);
    if (connection !== undefined) {
      connection.speaks = { protocol: "upgraded" };
    }
    const call = callOf(request, options);
    options.onRecord({
      ...unreadRecord(call.requestId, call.peer.address, { status: 101, bytes: 0 }),
      method: request.method ?? "",
      ...splitUrl(request.url ?? ""),
      httpVersion: request.httpVersion,
    });
    options.upgrade?.(request, socket, head);
  }

  function connectionOf(request: NodeRequest): Connection | undefined {
    if (request instanceof http.IncomingMessage) {
      return connections.get(request.socket);
    }
    return request.stream.session === undefined ? undefined : sessions.get(request.stream.session);
  }

  async function dispatch(call: ActiveCall, request: NodeRequest, response: NodeResponse): Promise<void> {
    try {
      const target = readTarget(request);
      const exchange = new NodeExchange(call, request, response, target ?? { path: "*", query: "", authority: "" });
      if (target === undefined) {
        const detail = "the request needs exactly one possible Host (or :authority), and a path that begins with /";
        await respondProblem(exchange, problemFromStatus(400, detail, call.requestId));
        return;
      }
      for (const handler of options.handlers) {
        const answered = handler(exchange);
        if (answered !== undefined) {
          await answered;
          return;
        }
      }
      await respondProblem(exchange, problemFromStatus(404, "nothing is served at this path", call.requestId));
    } catch (error) {
      call.log.error({ err: error }, "a request could not be answered");
      response.destroy();
    }
  }

  /** A request that node:http could not read is answered and recorded all the same. */
  function onClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
    const requestId = requestIdFrom(undefined);
    const refusal = refuse(error.code, socket, requestId);
    if (refusal !== undefined) {
      const address = socket instanceof net.Socket ? plainAddress(socket.remoteAddress) : "";
      options.onRecord(unreadRecord(requestId, address, refusal));
    }
  }

  const sweep = setInterval(() => {
    const now = clock.now();
    for (const connection of connections.values()) {
      switch (connection.judge(limits, now)) {
        case "keep":
          break;
        case "ping":
          connection.ping(now);
          break;
        case "head-timeout":
          if (connection.speaks.protocol === "http1") {
            onClientError(
              Object.assign(new Error("request head"), { code: "ERR_HTTP_REQUEST_TIMEOUT" }),
              connection.socket,
            );
          } else {
            connection.destroy();
          }
          break;
        case "close":
          connection.destroy();
      }
    }
  }, SWEEP_INTERVAL_MS);
  sweep.unref();

  return {
    async listen(host, port) {
      try {
        return await listen(netServer, host, port);
      } catch (error) {
        if (host === "::" && isNoIpv6(error)) {
          return listen(netServer, "0.0.0.0", port);
        }
        throw error;
      }
    },
    close() {
      closing = true;
      netServer.close();
      for (const connection of connections.values()) {
        connection.leave();
      }
    },
    idle() {
      return calls.size === 0 ? Promise.resolve() : new Promise((resolve) => whenIdle.push(resolve));
    },
    interrupt(reason) {
      for (const call of calls) {
        call.interrupt(reason);
      }
    },
    destroy() {
      clearInterval(sweep);
      closing = true;
      netServer.close();
      for (const connection of connections.values()) {
        connection.destroy();
      }
    },
    stats: () => ({ connections: connections.size, requests: calls.size }),
  };
}

function recordOf(call: ActiveCall, request: NodeRequest, answer: AnswerWatch, durationMs: number): RequestRecord {
  return {
    call,
    requestId: call.requestId,
    remoteAddress: call.peer.address,
    method: request.method ?? "",
    ...splitUrl(request.url ?? ""),
    httpVersion: request.httpVersion,
    status: answer.status,
    responseBytes: answer.bytes,
    durationMs,
    aborted: !answer.finished,
  };
}

/** The record of what never became a call. */
function unreadRecord(requestId: string, remoteAddress: string, { status, bytes }: Refusal): RequestRecord {
  return {
    call: undefined,
    requestId,
    remoteAddress,
    method: "",
    path: "",
    query: "",
    httpVersion: "",
    status,
    responseBytes: bytes,
    durationMs: 0,
    aborted: false,
  };
}

/** A lost peer shows as the close of its answer, and is recorded there; without a listener it would end the process. */
const ignoreLostPeer = () => undefined;

function listen(server: net.Server, host: string, port: number): Promise<net.AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port }, () => {
      server.off("error", reject);
      resolve(server.address() as net.AddressInfo); // a string only for pipes
    });
  });
}

function isNoIpv6(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "EAFNOSUPPORT" || error.code === "EADDRNOTAVAIL");
}
