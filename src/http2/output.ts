import { Flag, FRAME_HEADER_BYTES, FrameType, PING_BYTES, SETTING_BYTES } from "./frame.ts";

/** Bytes of a buffer that frames are written into; the edge writes it whole, once a turn. */
const BUFFER_BYTES = 16 * 1024;
/** Parts of bodies from this length on are handed on as they are; shorter ones are copied between the frames' headers. */
const COPIED_BYTES = 4 * 1024;
/** Buffers that were written and wait to be used again, by any connection: an idle one holds none. */
const spare: Buffer[] = [];
const MAX_SPARE = 64;

/** Writes frames (RFC 9113, 4.1 and 6) one behind the other, until the edge takes them. */
export class Output {
  /** What waits to be taken, in bytes. */
  bytes = 0;
  /** The buffer that is being written; `#from` to `position` of it is not among the parts yet. */
  #buffer: Buffer | undefined;
  #from = 0;
  /** Where the next byte of {@link reserve}'s buffer goes. */
  position = 0;
  #parts: Uint8Array[] = [];
  /** Buffers that {@link take} has given out. */
  readonly #taken: Buffer[] = [];

  /** The buffer to write up to `length` bytes into, at {@link position}; whoever writes calls {@link advance}. */
  reserve(length: number): Buffer {
    const buffer = this.#buffer;
    if (buffer !== undefined && buffer.length - this.position >= length) {
      return buffer;
    }
    this.#seal();
    if (buffer !== undefined && buffer.length === BUFFER_BYTES) {
      this.#taken.push(buffer);
    }
    const next =
      length <= BUFFER_BYTES ? (spare.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES)) : Buffer.allocUnsafeSlow(length);
    this.#buffer = next;
    this.#from = 0;
    this.position = 0;
    return next;
  }

  advance(position: number): void {
    this.bytes += position - this.position;
    this.position = position;
  }

  #seal(): void {
    if (this.#buffer !== undefined && this.position > this.#from) {
      this.#parts.push(this.#buffer.subarray(this.#from, this.position));
      this.#from = this.position;
    }
  }

  /** Takes what waits, in order. */
  take(): readonly Uint8Array[] {
    this.#seal();
    const parts = this.#parts;
    this.#parts = [];
    this.bytes = 0;
    if (this.#buffer !== undefined) {
      if (this.#buffer.length === BUFFER_BYTES) {
        this.#taken.push(this.#buffer);
      }
      this.#buffer = undefined;
    }
    return parts;
  }

  /** What was taken is written, or is not needed: its buffers may be used again. To be called only when that is so. */
  recycle(): void {
    while (this.#taken.length > 0 && spare.length < MAX_SPARE) {
      spare.push(this.#taken.pop() as Buffer); // there is one: the loop's condition
    }
    this.#taken.length = 0;
  }

  /** What was taken is still being written: its buffers are left to the collector. */
  forget(): void {
    this.#taken.length = 0;
  }

  /** Writes a frame's header; returns where its payload goes. Room is reserved already. */
  #header(buffer: Buffer, at: number, length: number, type: number, flags: number, streamId: number): number {
    buffer[at] = length >>> 16;
    buffer[at + 1] = length >>> 8;
    buffer[at + 2] = length;
    buffer[at + 3] = type;
    buffer[at + 4] = flags;
    buffer[at + 5] = streamId >>> 24;
    buffer[at + 6] = streamId >>> 16;
    buffer[at + 7] = streamId >>> 8;
    buffer[at + 8] = streamId;
    return at + FRAME_HEADER_BYTES;
  }

  /** A frame whose payload is already at `position + 9` of the reserved buffer, `length` bytes of it. */
  frameAround(length: number, type: number, flags: number, streamId: number): void {
    const buffer = this.#buffer as Buffer; // reserved before the payload was written
    this.advance(this.#header(buffer, this.position, length, type, flags, streamId) + length);
  }

  /** A frame of a few numbers, 32 bits each. */
  #small(type: number, streamId: number, ...values: readonly number[]): void {
    const length = values.length * 4;
    const buffer = this.reserve(FRAME_HEADER_BYTES + length);
    let at = this.#header(buffer, this.position, length, type, 0, streamId);
    for (const value of values) {
      at = buffer.writeUInt32BE(value >>> 0, at);
    }
    this.advance(at);
  }

  data(streamId: number, bytes: Uint8Array, endStream: boolean): void {
    const { length } = bytes;
    const flags = endStream ? Flag.END_STREAM : 0;
    if (length < COPIED_BYTES) {
      const buffer = this.reserve(FRAME_HEADER_BYTES + length);
      const at = this.#header(buffer, this.position, length, FrameType.DATA, flags, streamId);
      buffer.set(bytes, at);
      this.advance(at + length);
      return;
    }
    const buffer = this.reserve(FRAME_HEADER_BYTES);
    this.advance(this.#header(buffer, this.position, length, FrameType.DATA, flags, streamId));
    this.#seal();
    this.#parts.push(bytes);
    this.bytes += length;
  }

  /** A frame of any type with a payload that is copied. */
  frame(type: number, flags: number, streamId: number, payload: Uint8Array): void {
    const buffer = this.reserve(FRAME_HEADER_BYTES + payload.length);
    const at = this.#header(buffer, this.position, payload.length, type, flags, streamId);
    buffer.set(payload, at);
    this.advance(at + payload.length);
  }

  rstStream(streamId: number, code: number): void {
    this.#small(FrameType.RST_STREAM, streamId, code);
  }

  windowUpdate(streamId: number, bytes: number): void {
    this.#small(FrameType.WINDOW_UPDATE, streamId, bytes);
  }

  settings(values: readonly (readonly [identifier: number, value: number])[]): void {
    const length = values.length * SETTING_BYTES;
    const buffer = this.reserve(FRAME_HEADER_BYTES + length);
    let at = this.#header(buffer, this.position, length, FrameType.SETTINGS, 0, 0);
    for (const [identifier, value] of values) {
      at = buffer.writeUInt32BE(value, buffer.writeUInt16BE(identifier, at));
    }
    this.advance(at);
  }

  settingsAck(): void {
    const buffer = this.reserve(FRAME_HEADER_BYTES);
    this.advance(this.#header(buffer, this.position, 0, FrameType.SETTINGS, Flag.ACK, 0));
  }

  /** @param opaque eight bytes, at `at` of `bytes` */
  ping(isAck: boolean, bytes: Buffer, at: number): void {
    this.frame(FrameType.PING, isAck ? Flag.ACK : 0, 0, bytes.subarray(at, at + PING_BYTES));
  }

  goAway(lastStreamId: number, code: number, debug: string): void {
    const payload = Buffer.alloc(8 + Buffer.byteLength(debug));
    payload.writeUInt32BE(lastStreamId, 0);
    payload.writeUInt32BE(code, 4);
    payload.write(debug, 8);
    this.frame(FrameType.GOAWAY, 0, 0, payload);
  }
}
