// What carries trailers in a body: an envelope of gRPC-Web (flag 0x80), or the last one of a stream of Connect's (0x02).

const HEAD_BYTES = 5;
const TRAILER_FLAGS = 0x82;

/** `bytes` up to the envelope that says how the call ended; all of them where there is none. */
export function withoutTrailers(bytes: Buffer): Buffer {
  for (let at = 0; at + HEAD_BYTES <= bytes.length; ) {
    if ((bytes.readUInt8(at) & TRAILER_FLAGS) !== 0) return bytes.subarray(0, at);
    at += HEAD_BYTES + bytes.readUInt32BE(at + 1);
  }
  return bytes;
}
