import * as http from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { PortLimits } from "./limits.ts";

/** Takes over a connection that a request over HTTP/1.1 upgrades; `head` is what came behind the request's head. */
export type UpgradeHandler = (request: http.IncomingMessage, socket: Duplex, head: Buffer) => void;

/** An HTTP/1.1 server that does not listen: connections are handed to it by its `connection` event. */
export function createHttp1Server(limits: PortLimits, upgrade: UpgradeHandler | undefined): http.Server {
  const server = http.createServer({
    maxHeaderSize: limits.headerListBytes,
    // The port judges Host itself, over both versions alike, so that a refusal has an answer and a line in the log.
    requireHostHeader: false,
    // The port keeps the times of its connections; node:http's own work for a server that listens only.
    keepAliveTimeout: limits.idleMs,
    headersTimeout: 0,
    requestTimeout: 0,
    insecureHTTPParser: false,
    // Since Node 24; before, the listener below is what decides.
    ...{ shouldUpgradeCallback: (request: http.IncomingMessage) => upgrade !== undefined && !isH2c(request) },
  });
  if (upgrade !== undefined) {
    server.on("upgrade", (request: http.IncomingMessage, socket: Duplex, head: Buffer) => {
      if (isH2c(request)) {
        answerWithoutUpgrade(server, request, socket);
      } else {
        upgrade(request, socket, head);
      }
    });
  }
  return server;
}

/** `Upgrade: h2c` is ignored (RFC 9110, 7.8: a server may); RFC 9113 has dropped it. */
function isH2c(request: http.IncomingMessage): boolean {
  return /(?:^|,)\s*h2c\s*(?:,|$)/i.test(request.headers.upgrade ?? "");
}

function answerWithoutUpgrade(server: http.Server, request: http.IncomingMessage, socket: Duplex): void {
  const response = new http.ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket as Socket); // node:http passes the socket itself
  response.once("finish", () => socket.end());
  server.emit("request", request, response);
}
