// HTTP/2 by hand (RFC 9113, RFC 7541), as much of it as a test needs to write what no client would.

export const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

export const FRAME = { data: 0, headers: 1, rstStream: 3, settings: 4, ping: 6, goaway: 7, continuation: 9 } as const;
export const FLAG = { endStream: 1, ack: 1, endHeaders: 4 } as const;

/** One frame: its head and payload. */
export function frame(type: number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A header block of literals without indexing and without Huffman's code. */
export function headerBlock(fields: readonly (readonly [name: string, value: string])[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.of(0), text(name), text(value)]));
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, "latin1");
  return Buffer.concat([integer(bytes.length), bytes]);
}

/** An integer with a prefix of 7 bits (RFC 7541, 5.1). */
function integer(value: number): Buffer {
  if (value < 127) return Buffer.of(value);
  const bytes = [127];
  let rest = value - 127;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.of(...bytes, rest);
}

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** The whole frames in `bytes`, one character a byte. */
export function framesIn(bytes: string): readonly Frame[] {
  const buffer = Buffer.from(bytes, "latin1");
  const frames: Frame[] = [];
  for (let at = 0; at + 9 <= buffer.length; ) {
    const end = at + 9 + buffer.readUIntBE(at, 3);
    if (end > buffer.length) break;
    frames.push({
      type: buffer.readUInt8(at + 3),
      flags: buffer.readUInt8(at + 4),
      stream: buffer.readUInt32BE(at + 5) & 0x7fff_ffff,
      payload: buffer.subarray(at + 9, end),
    });
    at = end;
  }
  return frames;
}
