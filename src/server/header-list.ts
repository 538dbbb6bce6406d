import { fieldBytes } from "../http2/index.ts";

/** The size of a header list by RFC 9113's measure (6.5.2), from alternating names and values of one byte a character. */
export function headerListBytes(rawHeaders: readonly string[]): number {
  let bytes = 0;
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    bytes += fieldBytes(rawHeaders[at] ?? "", rawHeaders[at + 1] ?? "");
  }
  return bytes;
}
