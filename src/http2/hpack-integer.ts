/**
 * Writes an integer (RFC 7541, 5.1), at most 6 bytes of it, and returns the position after it.
 * @param prefix the prefix as a mask, such as 0x7f for 7 bits
 * @param flags the bits of the first byte that are not the prefix's
 * @param value below 2^32
 */
export function writeInteger(out: Uint8Array, at: number, flags: number, prefix: number, value: number): number {
  if (value < prefix) {
    out[at] = flags | value;
    return at + 1;
  }
  out[at] = flags | prefix;
  let end = at + 1;
  let rest = value - prefix;
  while (rest >= 0x80) {
    out[end++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  out[end] = rest;
  return end + 1;
}
