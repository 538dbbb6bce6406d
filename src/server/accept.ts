import { createHash } from "node:crypto";
import * as net from "node:net";
import * as tls from "node:tls";
import type { Clock } from "../call/clock.ts";
import { handshakeProblem } from "../tls/handshake-error.ts";
import { NO_CERTIFICATE, type PeerCertificate, peerCertificate } from "../tls/identity.ts";
import { peekFirstBytes } from "./first-bytes.ts";
import type { PortLimits } from "./limits.ts";
import { isTlsRecord, sniff } from "./sniff.ts";

/** A port's certificate, and whom it asks for theirs. Each in PEM. */
export interface PortTls {
  /** The certificate, and the chain that leads to it. */
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
  /**
   * Whose certificates clients are asked for; without it, nobody is asked. A client without one, or with one that is not
   * accepted, is taken all the same: whoever answers it knows by its call's peer, and refuses it where it has to be refused.
   */
  readonly clientCa?: string | Buffer | undefined;
}

/** A connection that can be read. */
export interface Accepted {
  readonly socket: net.Socket;
  /**
   * What TLS has settled on, or what is spoken in cleartext where TLS should be. Undefined on a port in cleartext, and where
   * the client left it open.
   */
  readonly negotiated: "http1" | "http2" | undefined;
  readonly certificate: PeerCertificate;
  /** Its handshake was begun before the last renewal, and so with what was current then. */
  readonly isOld: boolean;
}

/** Takes connections in, in cleartext or by TLS, and hands them over once they can be read. */
export interface Acceptor {
  readonly server: net.Server;
  /** Makes further connections by these. */
  renew(tls: PortTls): void;
  /** Ends connections whose handshake is not over. */
  destroy(): void;
}

export interface AcceptorOptions {
  /** TLS 1.2 and 1.3 with ALPN for both versions of HTTP; cleartext without. */
  readonly tls: PortTls | undefined;
  readonly limits: PortLimits;
  readonly clock: Clock;
  onConnection(accepted: Accepted): void;
  /** A connection has come to nothing: why, in words. */
  onFailure(socket: net.Socket, problem: string): void;
}

/** TCP's options. A peer may end its side and still read the answer; small answers must not wait for large packets. */
const TCP = { allowHalfOpen: true, noDelay: true, keepAlive: true } as const;

/** @throws Error where certificate and key are not such, or do not match */
export function createAcceptor(options: AcceptorOptions): Acceptor {
  if (options.tls !== undefined) {
    return createTlsAcceptor(options.tls, options);
  }
  const { onConnection } = options;
  const server = net.createServer(TCP, (socket) => {
    onConnection({ socket, negotiated: undefined, certificate: NO_CERTIFICATE, isOld: false });
  });
  return {
    server,
    renew() {
      throw new Error("a port in cleartext has no certificate to renew");
    },
    destroy: () => undefined,
  };
}

function createTlsAcceptor(first: PortTls, { limits, clock, onConnection, onFailure }: AcceptorOptions): Acceptor {
  /** Connections whose handshake is not over, by their peers: what TLS puts above them does not name them. */
  const shaking = new Map<string, net.Socket>();
  /** Those that were there at a renewal. */
  const old = new WeakSet<net.Socket>();
  const secure = tls.createServer({ ...TCP, ...secureOptions(first), ALPNProtocols: ["h2", "http/1.1"] });
  secure.on("secureConnection", (socket) => {
    socket.allowHalfOpen = true;
    const peer = peerOf(socket);
    const below = shaking.get(peer);
    shaking.delete(peer);
    const { alpnProtocol } = socket;
    onConnection({
      socket,
      negotiated: alpnProtocol === "h2" ? "http2" : alpnProtocol === "http/1.1" ? "http1" : undefined,
      certificate: peerCertificate(socket, Date.now()),
      isOld: below !== undefined && old.has(below),
    });
  });
  secure.on("tlsClientError", (error, socket) => {
    fail(peerOf(socket), handshakeProblem(error) ?? error.message); // nobody's where it is closed: below is said why
    socket.destroy();
  });

  /** Says why a connection has come to nothing, unless that was said. */
  function fail(peer: string, problem: string): void {
    const socket = shaking.get(peer);
    if (socket !== undefined) {
      shaking.delete(peer);
      onFailure(socket, problem);
    }
  }

  /** What a peer says first tells whether it speaks TLS at all: if not, it can still be told so. */
  const server = net.createServer(TCP, (socket) => {
    const peer = peerOf(socket);
    shaking.set(peer, socket);
    let speaksTls = false;
    const deadline = clock.schedule(limits.requestHeadMs, () => {
      if (shaking.get(peer) === socket) {
        fail(peer, `the TLS handshake was not done within ${limits.requestHeadMs} ms`);
        socket.destroy();
      }
    });
    socket.once("close", () => {
      deadline.cancel();
      if (shaking.get(peer) === socket) {
        if (speaksTls) {
          fail(peer, "the peer has closed it in the middle of the TLS handshake");
        }
        shaking.delete(peer);
      }
    });
    socket.on("error", () => socket.destroy());
    peekFirstBytes(socket, (bytes) => {
      if (isTlsRecord(bytes)) {
        speaksTls = true;
        socket.allowHalfOpen = false; // who leaves in the handshake reads nothing any more
        socket.unshift(bytes);
        secure.emit("connection", socket);
        return true;
      }
      const sniffed = sniff(bytes);
      if (sniffed === "more") {
        return false;
      }
      fail(peer, "the peer speaks cleartext, and this port TLS");
      if (sniffed === "http1" || sniffed === "http2") {
        socket.unshift(bytes);
        onConnection({ socket, negotiated: sniffed, certificate: NO_CERTIFICATE, isOld: false });
      } else {
        socket.destroy();
      }
      return true;
    });
  });
  return {
    server,
    renew(renewed) {
      secure.setSecureContext(secureOptions(renewed));
      for (const socket of shaking.values()) {
        old.add(socket);
      }
    },
    destroy() {
      const sockets = [...shaking.values()];
      shaking.clear();
      for (const socket of sockets) {
        socket.destroy();
      }
    },
  };
}

function secureOptions({ cert, key, clientCa }: PortTls): tls.TlsOptions {
  return {
    cert,
    key,
    minVersion: "TLSv1.2",
    ...(clientCa !== undefined && {
      ca: clientCa,
      requestCert: true,
      rejectUnauthorized: false,
      // A session is resumed only under the authorities by which its client was verified.
      sessionIdContext: createHash("sha256").update(clientCa).digest("hex").slice(0, 32),
    }),
  };
}

/** Both ends: a peer may connect to several addresses of ours by one port of its own. */
function peerOf({ remoteAddress, remotePort, localAddress }: net.Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress}`;
}
