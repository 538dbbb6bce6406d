import * as net from "node:net";
import * as tls from "node:tls";

/** What a channel to an https target is given; each as PEM. */
export interface ChannelTls {
  /** Certificates of the authorities that vouch for the target. Default: those that Node trusts. */
  readonly ca?: string | Buffer;
  /** The certificate that this side shows, with its chain. Needs {@link key}. */
  readonly cert?: string | Buffer;
  /** The private key to {@link cert}. */
  readonly key?: string | Buffer;
}

/**
 * Begins to connect to `url`, for HTTP/2: by TLS where it is https (RFC 9113, 3.2), and with prior knowledge otherwise
 * (3.3). A failure is the socket's `error`.
 *
 * @param onReady called when the socket may carry HTTP/2
 */
export function connectSocket(url: URL, options: ChannelTls, onReady: () => void): net.Socket {
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1"); // an IPv6 address stands in brackets
  if (url.protocol === "http:") {
    const socket = net.connect({ host, port: Number(url.port || 80), noDelay: true });
    return socket.once("connect", onReady);
  }
  const socket = tls.connect({
    ...options,
    host,
    port: Number(url.port || 443),
    ALPNProtocols: ["h2"],
    servername: net.isIP(host) === 0 ? host : "", // RFC 6066, 3: a name, and no address
  });
  return socket.once("secureConnect", () => {
    if (socket.alpnProtocol === "h2") {
      socket.setNoDelay(true);
      onReady();
    } else {
      socket.destroy(new Error("the peer does not choose HTTP/2 by ALPN"));
    }
  });
}
