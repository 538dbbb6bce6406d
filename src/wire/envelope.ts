import type { Compression } from "@connectrpc/connect/protocol";

// Envelopes: five bytes in front of a message, of flags and its length (gRPC over HTTP/2, "Length-Prefixed-Message"; Connect
// protocol, "Enveloped-Message").

export const ENVELOPE_BYTES = 5;
/** The longest message, in bytes: what the length of an envelope can say. */
export const MAX_MESSAGE_BYTES = 0xffffffff;
/** The message is compressed. */
export const COMPRESSED_FLAG = 1;

/** Makes an envelope of a message behind five free bytes. */
function closeEnvelope(flags: number, enveloped: Uint8Array): Uint8Array {
  const length = enveloped.length - ENVELOPE_BYTES;
  enveloped[0] = flags;
  enveloped[1] = length >>> 24;
  enveloped[2] = length >>> 16;
  enveloped[3] = length >>> 8;
  enveloped[4] = length;
  return enveloped;
}

/** Makes an envelope of a message behind five free bytes; a promise of a copy where it is to be compressed. */
export function sealEnvelope(
  flags: number,
  enveloped: Uint8Array,
  compression: Compression | undefined,
): Uint8Array | Promise<Uint8Array> {
  if (compression === undefined) {
    return closeEnvelope(flags, enveloped);
  }
  return compression
    .compress(enveloped.subarray(ENVELOPE_BYTES) as Uint8Array<ArrayBuffer>) // what was serialized is never shared memory
    .then((compressed) => envelope(flags | COMPRESSED_FLAG, compressed));
}

/** Puts a message into an envelope, which is a copy. */
export function envelope(flags: number, message: Uint8Array): Uint8Array {
  const enveloped = Buffer.allocUnsafe(ENVELOPE_BYTES + message.length);
  enveloped.set(message, ENVELOPE_BYTES);
  return closeEnvelope(flags, enveloped);
}

/** What an envelope holds; undefined where the body is not just one that is whole. */
export function payloadOf(body: Uint8Array): Uint8Array | undefined {
  if (body.length < ENVELOPE_BYTES) {
    return undefined;
  }
  const [, a = 0, b = 0, c = 0, d = 0] = body;
  const length = ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
  return length === body.length - ENVELOPE_BYTES ? body.subarray(ENVELOPE_BYTES) : undefined;
}
