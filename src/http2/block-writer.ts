import { Flag, FRAME_HEADER_BYTES, FrameType } from "./frame.ts";
import { fieldBytes } from "./header-field.ts";
import { HpackEncoder, maxEncodedBytes } from "./hpack-encoder.ts";
import type { Output } from "./output.ts";
import { DEFAULT_SETTINGS, type Settings } from "./settings.ts";
import type { FieldLines } from "./stream.ts";

/** Table size updates in front of a header block. */
const BLOCK_BEGIN_BYTES = 12;

type Lines = readonly (readonly [name: string, value: string])[];

/** Writes header blocks: HEADERS, and CONTINUATION where a block is longer than a frame (RFC 9113, 4.3 and 6.10). */
export class BlockWriter {
  readonly #output: Output;
  readonly #encoder = new HpackEncoder();
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
   * @returns why it could not be written
   */
  write(streamId: number, fields: FieldLines, endStream: boolean): string | undefined {
    const lines = Array.isArray(fields) ? (fields as Lines) : [...fields]; // an array of what it is an iterable of
    let most = BLOCK_BEGIN_BYTES;
    let listBytes = 0;
    for (let index = 0; index < lines.length; index++) {
      const line = lines[index] as Lines[number]; // within the array
      most += maxEncodedBytes(line[0], line[1]);
      listBytes += fieldBytes(line[0], line[1]);
    }
    if (listBytes > this.#peer.maxHeaderListBytes) {
      return `the peer takes header lists of ${this.#peer.maxHeaderListBytes} bytes, and this one has ${listBytes}`;
    }
    try {
      this.#writeFrames(streamId, lines, most, endStream ? Flag.END_STREAM : 0);
      return undefined;
    } catch (error) {
      this.#encoder.abandon();
      return error instanceof Error ? error.message : String(error);
    }
  }

  /** @throws TypeError where a field is not of bytes, before anything is written */
  #writeFrames(streamId: number, lines: Lines, most: number, endFlag: number): void {
    const output = this.#output;
    const { maxFrameBytes } = this.#peer;
    if (most <= maxFrameBytes) {
      const buffer = output.reserve(FRAME_HEADER_BYTES + most);
      const from = output.position + FRAME_HEADER_BYTES;
      const to = this.#encode(buffer, from, lines);
      output.frameAround(to - from, FrameType.HEADERS, endFlag | Flag.END_HEADERS, streamId);
      return;
    }
    const block = Buffer.allocUnsafe(most);
    const length = this.#encode(block, 0, lines);
    for (let at = 0; at < length || at === 0; at += maxFrameBytes) {
      const end = Math.min(length, at + maxFrameBytes);
      const flags = (at === 0 ? endFlag : 0) | (end === length ? Flag.END_HEADERS : 0);
      output.frame(at === 0 ? FrameType.HEADERS : FrameType.CONTINUATION, flags, streamId, block.subarray(at, end));
    }
  }

  #encode(buffer: Buffer, start: number, lines: Lines): number {
    let at = this.#encoder.begin(buffer, start);
    for (let index = 0; index < lines.length; index++) {
      const line = lines[index] as Lines[number]; // within the array
      at = this.#encoder.encode(buffer, at, line[0], line[1]);
    }
    return at;
  }
}
