import * as net from "node:net";
import * as tls from "node:tls";
import type { Address } from "../resolving/resolver.ts";
import type { SocketSecurity } from "./socket-security.ts";

/**
 * Begins to connect to `address`: by TLS where `security` is given, with HTTP/2 chosen by ALPN (RFC 9113, 3.2), and with
 * prior knowledge otherwise (3.3). A failure is the socket's `error`.
 *
 * @param httpVersion what ALPN asks for; a peer without ALPN speaks HTTP/1.1
 * @param onReady called when the socket may carry requests
 */
export function connectSocket(
  { host, port }: Address,
  security: SocketSecurity | undefined,
  httpVersion: "1.1" | "2",
  onReady: () => void,
): net.Socket {
  if (security === undefined) {
    const socket = net.connect({ host, port, noDelay: true });
    return socket.once("connect", onReady);
  }
  const socket = tls.connect({
    ...security.optionsFor(host, port),
    host,
    port,
    ALPNProtocols: [httpVersion === "2" ? "h2" : "http/1.1"],
  });
  security.watch(socket, host, port);
  return socket.once("secureConnect", () => {
    if (httpVersion === "2" && socket.alpnProtocol !== "h2") {
      socket.destroy(new Error("the peer does not choose HTTP/2 by ALPN"));
    } else {
      socket.setNoDelay(true);
      onReady();
    }
  });
}
