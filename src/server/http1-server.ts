import * as http from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { PortLimits } from "./limits.ts";

/** Takes over a connection that a request over HTTP/1.1 upgrades; `head` is what came behind the request's head. */
export type UpgradeHandler = (request: http.IncomingMessage, socket: Duplex, head: Buffer) => void;

/** A connection that its request asks to upgrade. */
export interface UpgradeOffer {
  readonly socket: Socket;
  /** What came behind the request's head. */
  readonly head: Buffer;
}

const offers = new WeakMap<object, UpgradeOffer>();

/** What a request offers to whoever takes its connection over; most offer nothing. */
export function upgradeOffer(request: object): UpgradeOffer | undefined {
  return offers.get(request);
}

/**
 * An HTTP/1.1 server that does not listen: connections are handed to it by its `connection` event. A request that asks
 * for an upgrade comes as any other does, with an {@link upgradeOffer}: whatever refuses requests refuses it too.
 *
 * @param upgrades whether anybody takes upgrades; if not, Upgrade is ignored
 */
export function createHttp1Server(limits: PortLimits, upgrades: boolean): http.Server {
  const server = http.createServer({
    maxHeaderSize: limits.headerListBytes,
    // The port judges Host itself, over both versions alike, so that a refusal has an answer and a line in the log.
    requireHostHeader: false,
    // The port keeps the times of its connections; node:http's own work for a server that listens only, and its time for
    // idle connections takes two timers a request.
    keepAliveTimeout: 0,
    headersTimeout: 0,
    requestTimeout: 0,
    insecureHTTPParser: false,
    // Since Node 24; before, the listener below is what decides.
    ...{ shouldUpgradeCallback: (request: http.IncomingMessage) => upgrades && !isH2c(request) },
  });
  // Not in its types. Without it node:http ends the connection when the peer ends its side, and the answer is lost.
  Object.assign(server, { httpAllowHalfOpen: true });
  server.on("connect", (request: http.IncomingMessage, socket: Duplex) => answerOn(server, request, socket));
  if (upgrades) {
    server.on("upgrade", (request: http.IncomingMessage, socket: Duplex, head: Buffer) => {
      if (!isH2c(request)) {
        offers.set(request, { socket: socket as Socket, head }); // node:http passes the socket itself
      }
      answerOn(server, request, socket);
    });
  }
  return server;
}

/** `Upgrade: h2c` is ignored (RFC 9110, 7.8: a server may); RFC 9113 has dropped it. */
function isH2c(request: http.IncomingMessage): boolean {
  return /(?:^|,)\s*h2c\s*(?:,|$)/i.test(request.headers.upgrade ?? "");
}

/** node:http lets go of a connection that is to be upgraded: this gives its request an answer again, the last one. */
function answerOn(server: http.Server, request: http.IncomingMessage, socket: Duplex): void {
  const response = new http.ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket as Socket); // node:http passes the socket itself
  response.once("finish", () => socket.end());
  server.emit("request", request, response);
}
