/**
 * The longest status message that is sent whole, in UTF-16 code units: it travels in a header list, and some clients end
 * their connection, with all that is on it, by one that is longer than they take.
 */
const MAX_MESSAGE_LENGTH = 4096;

function cut(message: string): string {
  return message.slice(0, MAX_MESSAGE_LENGTH).toWellFormed();
}

/**
 * Percent-encodes a status message for `grpc-message`: its UTF-8 bytes outside of %x20-%x7E, and `%` (gRPC over HTTP/2,
 * "Responses"), and a space at its edges, where a field has none (RFC 9113, 8.2.1). No more than that, as Connect does: grpc-js undoes no more, and its callers would read `%3A` for a colon.
 */
export function encodeGrpcMessage(message: string): string {
  const bytes = Buffer.from(message.length > MAX_MESSAGE_LENGTH ? `${cut(message)}…` : message);
  let encoded = "";
  for (const [at, byte] of bytes.entries()) {
    const isEdge = at === 0 || at === bytes.length - 1;
    encoded +=
      byte >= (isEdge ? 0x21 : 0x20) && byte <= 0x7e && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded;
}

/** A gRPC answer's body, at whose end the status message of its trailer is encoded as {@link encodeGrpcMessage} does. */
export async function* withPlainStatus(body: AsyncIterable<Uint8Array>, trailer: Headers): AsyncIterable<Uint8Array> {
  yield* body;
  const message = trailer.get("grpc-message");
  if (message !== null) {
    trailer.set("grpc-message", encodeGrpcMessage(decodeURIComponent(message)));
  }
}
