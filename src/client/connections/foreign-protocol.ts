/** How a record begins by which a TLS server refuses what is no handshake (RFC 8446, 5.1). */
const TLS_ALERT = 0x15;
const TLS_VERSION = 0x03;

/** What a peer speaks in the place of HTTP/2, by the first bytes that it sends; undefined where that is not plain to see. */
export function foreignProtocol(bytes: Buffer): string | undefined {
  if (bytes[0] === TLS_ALERT && bytes[1] === TLS_VERSION) {
    return "the peer speaks TLS: the target has to begin with https:, or to have the option tls";
  }
  return bytes.toString("latin1", 0, 5) === "HTTP/" ? "the peer speaks HTTP/1.1, and not HTTP/2" : undefined;
}
