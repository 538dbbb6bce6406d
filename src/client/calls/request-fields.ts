/**
 * What frames a request, whatever a caller says of it: fields of HTTP/1.1's connections, which make a request of HTTP/2
 * malformed (RFC 9113, 8.2.2), and the length, which is what is sent (RFC 9112, 11.2: another one smuggles requests).
 */
export const FRAMING_FIELDS: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "expect",
  "keep-alive",
  "proxy-connection",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** A request's head (RFC 9113, 8.3.1): pseudo-header fields first. A `host` field becomes the authority. */
export function requestFields(
  method: string,
  url: URL,
  header: Headers,
): readonly (readonly [name: string, value: string])[] {
  const lines: (readonly [string, string])[] = [
    [":method", method],
    [":scheme", url.protocol.slice(0, -1)],
    [":authority", header.get("host") ?? url.host],
    [":path", url.pathname + url.search],
  ];
  for (const line of header) {
    const name = line[0];
    if (name !== "host" && !FRAMING_FIELDS.has(name) && !(name === "te" && line[1] !== "trailers")) {
      lines.push(line);
    }
  }
  return lines;
}
