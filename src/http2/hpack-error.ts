/** A header block that cannot be decoded. Both sides' tables differ from then on, so the connection ends with COMPRESSION_ERROR (RFC 9113, 4.3). */
export class HpackError extends Error {
  override readonly name = "HpackError";
}
