// Protobuf and gRPC by hand, for clients that have no schema: every message is field 1, a string.

/** `{ name: text }`. */
export function message(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.of(0x0a), varint(bytes.length), bytes]);
}

/** A message in its gRPC envelope, not compressed. */
export function envelope(text: string): Buffer {
  const bytes = message(text);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.of(...bytes, rest);
}
