import * as net from "node:net";
import * as tls from "node:tls";
import type { Logger } from "../call/logger.ts";
import type { PortLimits } from "./limits.ts";

/** A port's certificate, and whom it asks for theirs. Each in PEM. */
export interface PortTls {
  /** The certificate, and the chain that leads to it. */
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
  /** Whose certificates clients have to have; without it, nobody is asked. */
  readonly clientCa?: string | Buffer | undefined;
}

/** What TLS has settled for a connection, or nothing in cleartext. */
export type Negotiated = "http1" | "http2" | undefined;

/** Takes connections in, in cleartext or by TLS, and hands them over once they can be read. */
export interface Acceptor {
  readonly server: net.Server;
  /** Ends connections whose handshake is not over. */
  destroy(): void;
}

/** TCP's options. A peer may end its side and still read the answer; small answers must not wait for large packets. */
const TCP = { allowHalfOpen: true, noDelay: true, keepAlive: true } as const;

/**
 * @param tlsOptions TLS 1.2 and 1.3 with ALPN for both versions of HTTP; cleartext without
 * @throws Error where certificate and key are not such, or do not match
 */
export function createAcceptor(
  tlsOptions: PortTls | undefined,
  limits: PortLimits,
  log: Logger,
  onConnection: (socket: net.Socket, negotiated: Negotiated) => void,
): Acceptor {
  if (tlsOptions === undefined) {
    const server = net.createServer(TCP, (socket) => onConnection(socket, undefined));
    return { server, destroy: () => undefined };
  }
  const { cert, key, clientCa } = tlsOptions;
  /** Sockets below handshakes, by their peers: what TLS puts above them does not name them. */
  const shaking = new Map<string, net.Socket>();
  const server = tls.createServer({
    ...TCP,
    cert,
    key,
    minVersion: "TLSv1.2",
    ALPNProtocols: ["h2", "http/1.1"],
    handshakeTimeout: limits.requestHeadMs,
    ...(clientCa !== undefined && { ca: clientCa, requestCert: true, rejectUnauthorized: true }),
  });
  server.on("connection", (socket: net.Socket) => {
    const peer = peerOf(socket);
    shaking.set(peer, socket);
    socket.once("close", () => shaking.delete(peer));
  });
  server.on("secureConnection", (socket) => {
    shaking.delete(peerOf(socket));
    const { alpnProtocol } = socket;
    onConnection(socket, alpnProtocol === "h2" ? "http2" : alpnProtocol === "http/1.1" ? "http1" : undefined);
  });
  server.on("tlsClientError", (error, socket) => {
    log.debug({ err: error, remote_address: socket.remoteAddress }, "a TLS handshake failed");
    socket.destroy();
  });
  return {
    server,
    destroy() {
      for (const socket of shaking.values()) {
        socket.destroy();
      }
    },
  };
}

function peerOf({ remoteAddress, remotePort }: net.Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
