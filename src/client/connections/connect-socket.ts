import * as net from "node:net";
import * as tls from "node:tls";
import type { Address } from "../resolving/resolver.ts";

/** What a channel by TLS is given; each as PEM. */
export interface ChannelTls {
  /** Certificates of the authorities that vouch for the target. Default: those that Node trusts. */
  readonly ca?: string | Buffer;
  /** The certificate that this side shows, with its chain. Needs {@link key}. */
  readonly cert?: string | Buffer;
  /** The private key to {@link cert}. */
  readonly key?: string | Buffer;
}

/** How a channel's sockets are secured. */
export interface SocketTls extends ChannelTls {
  /** The name or address that the peer's certificate has to be for. */
  readonly serverName: string;
}

/**
 * Begins to connect to `address`: by TLS where `security` is given, with HTTP/2 chosen by ALPN (RFC 9113, 3.2), and with
 * prior knowledge otherwise (3.3). A failure is the socket's `error`.
 *
 * @param httpVersion what ALPN asks for; a peer without ALPN speaks HTTP/1.1
 * @param onReady called when the socket may carry requests
 */
export function connectSocket(
  { host, port }: Address,
  security: SocketTls | undefined,
  httpVersion: "1.1" | "2",
  onReady: () => void,
): net.Socket {
  if (security === undefined) {
    const socket = net.connect({ host, port, noDelay: true });
    return socket.once("connect", onReady);
  }
  const { serverName, ...options } = security;
  const socket = tls.connect({
    ...options,
    host,
    port,
    ALPNProtocols: [httpVersion === "2" ? "h2" : "http/1.1"],
    servername: net.isIP(serverName) === 0 ? serverName : "", // RFC 6066, 3: a name, and no address
    checkServerIdentity: (_host, certificate) => tls.checkServerIdentity(serverName, certificate),
  });
  return socket.once("secureConnect", () => {
    if (httpVersion === "2" && socket.alpnProtocol !== "h2") {
      socket.destroy(new Error("the peer does not choose HTTP/2 by ALPN"));
    } else {
      socket.setNoDelay(true);
      onReady();
    }
  });
}
