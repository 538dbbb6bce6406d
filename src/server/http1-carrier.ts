import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { requestIdFrom } from "../call/request-id.ts";
import type { Carrier } from "./carrier.ts";
import type { Connection } from "./connection.ts";
import { createHttp1Server } from "./http1-server.ts";
import type { NodeRequest, NodeResponse } from "./node-messages.ts";
import { type NodeRequests, serveNodeRequest } from "./node-request.ts";
import { type RequestRecord, unreadRecord } from "./record.ts";
import { HEAD_TIMEOUT, isMalformed, refuseUnread } from "./refusal.ts";

export interface Http1CarrierOptions extends NodeRequests {
  /** Whether a handler takes over connections that are upgraded; if not, Upgrade is ignored. */
  readonly upgrades: boolean;
  connectionOf(socket: Socket): Connection | undefined;
  /** Told of a request that could not be read as one, and was answered. */
  onUnread(record: RequestRecord): void;
}

/** Speaks HTTP/1.1 by node:http. */
export interface Http1Carrier extends Carrier {
  /** Answers a peer that does not finish the head of its request in time. */
  onHeadTimeout(connection: Connection): void;
}

export function createHttp1Carrier(options: Http1CarrierOptions): Http1Carrier {
  const { limits, upgrades, connectionOf } = options;
  const server = createHttp1Server(limits, upgrades);
  const onRequest = (request: NodeRequest, response: NodeResponse) => {
    // Not in its types: what node:http says of the connection's idle time, which it does not keep here.
    Object.assign(response, { _keepAliveTimeout: limits.idleMs });
    serveNodeRequest(options, connectionOf(request.socket), request, response);
  };
  server.on("request", onRequest);
  server.on("checkContinue", onRequest); // the exchange says when to go on
  server.on("checkExpectation", onRequest); // an expectation that is not known is ignored (RFC 9110, 10.1.1)
  server.on("clientError", onClientError);

  /** A request that node:http could not read is answered and recorded all the same, behind the answers before it. */
  function onClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
    const connection = socket instanceof Socket ? connectionOf(socket) : undefined;
    const underWay = [...(connection?.requests ?? [])];
    const broken = underWay.find((request) => !request.isComplete());
    if (connection === undefined || underWay.length === 0) {
      const requestId = requestIdFrom(undefined);
      const refusal = refuseUnread(error.code, socket, requestId);
      if (refusal !== undefined) {
        const address = connection?.address ?? "";
        options.onUnread(unreadRecord(requestId, address, refusal));
      }
    } else if (broken === undefined && error.code !== "ECONNRESET") {
      connection.onceIdle(() => onClientError(error, socket));
    } else if (underWay.length === 1 && broken !== undefined && !broken.answer.begun && isMalformed(error)) {
      const refusal = refuseUnread(error.code, socket, broken.call.requestId);
      if (refusal !== undefined) {
        broken.answer.replacedBy?.(refusal);
      }
    } else {
      socket.destroy();
    }
  }

  return {
    accept(connection) {
      const { socket } = connection;
      connection.speaks = { protocol: "http1" };
      socket.once("end", () => connection.outliveHalfClose());
      server.emit("connection", socket);
      socket.resume();
    },
    onHeadTimeout: (connection) => onClientError(HEAD_TIMEOUT, connection.socket),
  };
}
