/** What the first bytes of a connection are: one of the two protocols, TLS, nothing known, or too few to tell. */
export type Sniffed = "http1" | "http2" | "tls" | "neither" | "more";

/** The client's connection preface (RFC 9113, 3.4). */
const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");
/** The longest first line that is waited for; node:http answers 431 to a longer one. */
const MAX_FIRST_LINE_BYTES = 16 * 1024;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
/** How a TLS record with a handshake begins: its type, and the first byte of every version (RFC 8446, 5.1). */
const HANDSHAKE_RECORD = [0x16, 0x03] as const;

/**
 * Tells HTTP/2 by its preface, whole, and HTTP/1 by a first line that ends in `HTTP/1.x` (RFC 9112, 3), before which
 * empty lines are skipped (RFC 9112, 2.2).
 */
export function sniff(bytes: Buffer): Sniffed {
  if (isTlsRecord(bytes)) {
    return bytes.length === 1 ? "more" : bytes[1] === HANDSHAKE_RECORD[1] ? "tls" : "neither";
  }
  const compared = Math.min(bytes.length, PREFACE.length);
  if (bytes.compare(PREFACE, 0, compared, 0, compared) === 0) {
    return compared === PREFACE.length ? "http2" : "more";
  }
  let start = 0;
  while (bytes[start] === CARRIAGE_RETURN || bytes[start] === LINE_FEED) {
    start++;
  }
  const end = bytes.indexOf(LINE_FEED, start);
  // By the place of its end, not by what has come: the verdict must not hang on how the line was split on the way.
  if ((end === -1 ? bytes.length : end) > MAX_FIRST_LINE_BYTES) {
    return tooLong(bytes);
  }
  if (end === -1) {
    return "more";
  }
  return / HTTP\/1\.[0-9]\r?$/.test(bytes.toString("latin1", Math.max(start, end - 16), end)) ? "http1" : "neither";
}

/** Whether a connection begins with a TLS handshake: its first byte begins nothing else that is known here. */
export function isTlsRecord(bytes: Buffer): boolean {
  return bytes[0] === HANDSHAKE_RECORD[0];
}

/** A first line that is too long but begins as a request does gets node:http's answer; anything else gets none. */
function tooLong(bytes: Buffer): Sniffed {
  return /^[\r\n]*[!#$%&'*+.^_`|~0-9A-Za-z-]+ /.test(bytes.toString("latin1", 0, 64)) ? "http1" : "neither";
}
