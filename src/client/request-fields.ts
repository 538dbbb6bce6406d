/** Fields of HTTP/1.1's connections, which make a request of HTTP/2 malformed (RFC 9113, 8.2.2). */
export const CONNECTION_FIELDS: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
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
    if (name !== "host" && !CONNECTION_FIELDS.has(name)) {
      lines.push(line);
    }
  }
  return lines;
}
