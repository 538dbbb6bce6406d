/** The prefix of a message on the suite's pipes: its length, big-endian. */
const PREFIX_BYTES = 4;

/** Reads messages, each behind its length. Throws where the input ends within one. */
export async function* readDelimited(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let kept = Buffer.alloc(0);
  for await (const chunk of input) {
    kept = Buffer.concat([kept, chunk]);
    while (kept.length >= PREFIX_BYTES) {
      const end = PREFIX_BYTES + kept.readUInt32BE();
      if (kept.length < end) {
        break;
      }
      yield kept.subarray(PREFIX_BYTES, end);
      kept = kept.subarray(end);
    }
  }
  if (kept.length > 0) {
    throw new Error(`the input ends with ${kept.length} bytes of a message`);
  }
}

/** A message behind its length. */
export function delimited(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(message.length);
  return Buffer.concat([prefix, message]);
}
