import { ConnectionError, ErrorCode } from "./error-code.ts";
import { checkFrame, Flag, FRAME_HEADER_BYTES, FrameType, PREFACE, readUint31 } from "./frame.ts";

/** What is told of the frames that come. */
export interface FrameSink {
  /** Nothing more is to be read, also not of the chunk under way. */
  readonly isOver: boolean;
  /** A whole frame of any type but DATA; its payload is `bytes[from, to)`, and must not be kept. */
  onFrame(type: number, flags: number, streamId: number, bytes: Buffer, from: number, to: number): void;
  /** The header of a DATA frame; `length` counts padding as well. */
  onDataBegin(flags: number, streamId: number, length: number): void;
  /** A part of a DATA frame's body: `bytes[from, to)` may be kept. Where `isLast`, {@link onDataEnd} follows at once. */
  onDataBytes(bytes: Buffer, from: number, to: number, isLast: boolean): void;
  /** The DATA frame is over; `overhead` bytes of it were padding. */
  onDataEnd(flags: number, overhead: number): void;
}

/**
 * Cuts what comes from the peer into frames (RFC 9113, 4.1), however it was split on the way. The bytes of DATA frames
 * are passed on as they come; the payloads of others, which are small, are collected.
 */
export class FrameReader {
  readonly #sink: FrameSink;
  /** The longest payload that is taken: our SETTINGS_MAX_FRAME_SIZE. */
  maxFrameBytes: number;
  /** How much of the client's preface is still to come. */
  #prefaceLeft: number;
  /** The beginning of a frame whose rest has not come. */
  #rest: Buffer | undefined;
  // The DATA frame that is being read, if any.
  #isInData = false;
  #dataFlags = 0;
  #dataLeft = 0;
  #paddingLeft = 0;
  #overhead = 0;
  #awaitsPadLength = false;

  constructor(sink: FrameSink, expectsPreface: boolean, maxFrameBytes: number) {
    this.#sink = sink;
    this.maxFrameBytes = maxFrameBytes;
    this.#prefaceLeft = expectsPreface ? PREFACE.length : 0;
  }

  /** @throws ConnectionError where the bytes are no frames, and what the sink throws */
  receive(chunk: Buffer): void {
    let bytes = chunk;
    if (this.#rest !== undefined) {
      bytes = Buffer.concat([this.#rest, chunk]);
      this.#rest = undefined;
    }
    let at = this.#prefaceLeft === 0 ? 0 : this.#readPreface(bytes);
    while (at < bytes.length && !this.#sink.isOver) {
      const next = this.#isInData ? this.#readData(bytes, at) : this.#readFrame(bytes, at);
      if (next === at) {
        // A copy with memory of its own: neither the chunk nor Node's pool must be kept alive by a few bytes.
        this.#rest = Buffer.allocUnsafeSlow(bytes.length - at);
        bytes.copy(this.#rest, 0, at);
        return;
      }
      at = next;
    }
  }

  #readPreface(bytes: Buffer): number {
    const start = PREFACE.length - this.#prefaceLeft;
    const length = Math.min(this.#prefaceLeft, bytes.length);
    if (PREFACE.compare(bytes, 0, length, start, start + length) !== 0) {
      throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "the connection preface is not HTTP/2's");
    }
    this.#prefaceLeft -= length;
    return length;
  }

  /** Reads one frame, or the header of a DATA frame; stays where it is when that has not come whole. */
  #readFrame(bytes: Buffer, at: number): number {
    if (bytes.length - at < FRAME_HEADER_BYTES) {
      return at;
    }
    // Within the bytes: checked above.
    const length = ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
    const type = bytes[at + 3] as number;
    const flags = bytes[at + 4] as number;
    const streamId = readUint31(bytes, at + 5);
    if (length > this.maxFrameBytes) {
      throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, `a frame is larger than ${this.maxFrameBytes} bytes`);
    }
    checkFrame(type, flags, streamId, length);
    const payload = at + FRAME_HEADER_BYTES;
    if (type === FrameType.DATA) {
      this.#beginData(flags, streamId, length);
      return length === 0 ? payload : this.#readData(bytes, payload);
    }
    if (bytes.length - payload < length) {
      return at;
    }
    this.#sink.onFrame(type, flags, streamId, bytes, payload, payload + length);
    return payload + length;
  }

  #beginData(flags: number, streamId: number, length: number): void {
    this.#dataFlags = flags;
    this.#dataLeft = length;
    this.#paddingLeft = 0;
    this.#overhead = 0;
    this.#awaitsPadLength = (flags & Flag.PADDED) !== 0;
    if (this.#awaitsPadLength && length === 0) {
      throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, "a padded DATA frame has no pad length");
    }
    this.#isInData = true;
    this.#sink.onDataBegin(flags, streamId, length);
    if (length === 0) {
      this.#endData();
    }
  }

  #readData(bytes: Buffer, start: number): number {
    let at = start;
    if (this.#awaitsPadLength && at < bytes.length) {
      this.#awaitsPadLength = false;
      this.#paddingLeft = bytes[at] as number; // within the bytes: checked above
      this.#overhead = this.#paddingLeft + 1;
      this.#dataLeft -= this.#overhead;
      at++;
      if (this.#dataLeft < 0) {
        throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "the padding of a DATA frame is longer than the frame");
      }
    }
    if (this.#dataLeft > 0) {
      const end = Math.min(bytes.length, at + this.#dataLeft);
      if (end > at) {
        this.#dataLeft -= end - at;
        this.#sink.onDataBytes(bytes, at, end, this.#dataLeft === 0 && this.#paddingLeft === 0);
        at = end;
      }
    }
    if (this.#dataLeft === 0) {
      const skipped = Math.min(this.#paddingLeft, bytes.length - at);
      this.#paddingLeft -= skipped;
      at += skipped;
      if (this.#paddingLeft === 0 && !this.#awaitsPadLength) {
        this.#endData();
      }
    }
    return at;
  }

  #endData(): void {
    this.#isInData = false;
    this.#sink.onDataEnd(this.#dataFlags, this.#overhead);
  }
}
