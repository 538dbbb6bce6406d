/** What a field costs beyond its name and value (RFC 9113, 6.5.2, SETTINGS_MAX_HEADER_LIST_SIZE). */
const FIELD_OVERHEAD_BYTES = 32;

/** The size of a header list by RFC 9113's measure, from alternating names and values of one byte a character. */
export function headerListBytes(rawHeaders: readonly string[]): number {
  let bytes = (rawHeaders.length / 2) * FIELD_OVERHEAD_BYTES;
  for (const text of rawHeaders) {
    bytes += text.length;
  }
  return bytes;
}
