import { FieldBlock } from "./field-block.ts";
import { Flag, FRAME_HEADER_BYTES, FrameType } from "./frame.ts";
import { fieldBytes } from "./header-field.ts";
import { HpackEncoder, maxEncodedBytes } from "./hpack-encoder.ts";
import type { Output } from "./output.ts";
import { DEFAULT_SETTINGS, type Settings } from "./settings.ts";
import type { FieldLines, Lines } from "./stream.ts";

/** Table size updates in front of a header block. */
const BLOCK_BEGIN_BYTES = 12;
/** Encoded blocks that a connection remembers; those of a service are few. */
const MAX_ENCODED = 32;

const NO_LINES: Lines = [];

/** What a block was encoded as while the table was as in this version; undefined until it has been so twice. */
interface Encoded {
  readonly bytes: Uint8Array | undefined;
  readonly version: number;
}

/** Writes header blocks: HEADERS, and CONTINUATION where a block is longer than a frame (RFC 9113, 4.3 and 6.10). */
export class BlockWriter {
  readonly #output: Output;
  readonly #encoder = new HpackEncoder();
  readonly #encoded = new Map<FieldBlock, Encoded>();
  #peer: Settings = DEFAULT_SETTINGS;

  constructor(output: Output) {
    this.#output = output;
  }

  set peerSettings(settings: Settings) {
    this.#peer = settings;
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE; each of its values, in order. */
  set peerTableBytes(bytes: number) {
    this.#encoder.setPeerTableBytes(bytes);
  }

  /**
   * Writes a block. Nothing of it is written where it cannot be written whole: a part of a head could be taken for all.
   *
   * @param more lines behind the fields
   * @returns why it could not be written
   */
  write(streamId: number, fields: FieldLines, endStream: boolean, more: Lines = NO_LINES): string | undefined {
    const block = fields instanceof FieldBlock ? fields : undefined;
    const lines = block?.lines ?? (Array.isArray(fields) ? (fields as Lines) : [...fields]); // an array of what it is an iterable of
    let most = BLOCK_BEGIN_BYTES;
    let listBytes = 0;
    if (block === undefined) {
      for (let index = 0; index < lines.length; index++) {
        const line = lines[index] as Lines[number]; // within the array
        most += maxEncodedBytes(line[0], line[1]);
        listBytes += fieldBytes(line[0], line[1]);
      }
    } else {
      listBytes = block.listBytes;
      most += listBytes; // a field's overhead in a list is more than in a block
    }
    for (let index = 0; index < more.length; index++) {
      const line = more[index] as Lines[number]; // within the array
      most += maxEncodedBytes(line[0], line[1]);
      listBytes += fieldBytes(line[0], line[1]);
    }
    if (listBytes > this.#peer.maxHeaderListBytes) {
      return `the peer takes header lists of ${this.#peer.maxHeaderListBytes} bytes, and this one has ${listBytes}`;
    }
    try {
      this.#writeFrames(streamId, block ?? lines, more, most, endStream ? Flag.END_STREAM : 0);
      return undefined;
    } catch (error) {
      this.#encoder.abandon();
      return error instanceof Error ? error.message : String(error);
    }
  }

  /** @throws TypeError where a field is not of bytes, before anything is written */
  #writeFrames(streamId: number, fields: FieldBlock | Lines, more: Lines, most: number, endFlag: number): void {
    const output = this.#output;
    const { maxFrameBytes } = this.#peer;
    if (most <= maxFrameBytes) {
      const buffer = output.reserve(FRAME_HEADER_BYTES + most);
      const from = output.position + FRAME_HEADER_BYTES;
      const to = this.#encode(buffer, from, fields, more);
      output.frameAround(to - from, FrameType.HEADERS, endFlag | Flag.END_HEADERS, streamId);
      return;
    }
    const block = Buffer.allocUnsafe(most);
    const length = this.#encode(block, 0, fields, more);
    for (let at = 0; at < length || at === 0; at += maxFrameBytes) {
      const end = Math.min(length, at + maxFrameBytes);
      const flags = (at === 0 ? endFlag : 0) | (end === length ? Flag.END_HEADERS : 0);
      output.frame(at === 0 ? FrameType.HEADERS : FrameType.CONTINUATION, flags, streamId, block.subarray(at, end));
    }
  }

  #encode(buffer: Buffer, start: number, fields: FieldBlock | Lines, more: Lines): number {
    const begin = this.#encoder.begin(buffer, start);
    const end =
      fields instanceof FieldBlock
        ? this.#encodeBlock(buffer, begin, fields)
        : this.#encodeLines(buffer, begin, fields);
    return more.length === 0 ? end : this.#encodeLines(buffer, end, more);
  }

  #encodeBlock(buffer: Buffer, start: number, block: FieldBlock): number {
    const { version } = this.#encoder;
    const known = this.#encoded.get(block);
    if (known?.bytes !== undefined && known.version === version) {
      const { bytes } = known;
      for (let at = 0; at < bytes.length; at++) {
        buffer[start + at] = bytes[at] as number; // a few bytes: a loop takes less than a call of `set`
      }
      return start + bytes.length;
    }
    const end = this.#encodeLines(buffer, start, block.lines);
    if (this.#encoder.version !== version) {
      this.#encoded.delete(block);
    } else if (known === undefined || known.version !== version) {
      // The first time a field is a literal, and the second time it goes into the table: only then is it at its shortest.
      if (this.#encoded.size >= MAX_ENCODED) {
        this.#encoded.clear();
      }
      this.#encoded.set(block, { bytes: undefined, version });
    } else {
      this.#encoded.set(block, { bytes: Uint8Array.prototype.slice.call(buffer, start, end), version });
    }
    return end;
  }

  #encodeLines(buffer: Buffer, start: number, lines: Lines): number {
    let at = start;
    for (let index = 0; index < lines.length; index++) {
      const line = lines[index] as Lines[number]; // within the array
      at = this.#encoder.encode(buffer, at, line[0], line[1]);
    }
    return at;
  }
}
