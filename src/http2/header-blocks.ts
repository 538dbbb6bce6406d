import { ConnectionError, ErrorCode } from "./error-code.ts";
import { checkTrailers, type RequestHead, type ResponseHead, readRequestHead, readResponseHead } from "./fields.ts";
import { Flag, PRIORITY_BYTES, readUint31 } from "./frame.ts";
import type { HeaderField } from "./header-field.ts";
import { HpackDecoder } from "./hpack-decoder.ts";
import { HpackError } from "./hpack-error.ts";
import type { Malformed } from "./malformed.ts";

/** A header block, decoded. One that comes again, byte for byte, while the tables are the same, is the same object. */
export class HeaderBlock {
  readonly fields: readonly HeaderField[];
  /** The header list is larger than is taken; not all of its fields are there. */
  readonly isTooLarge: boolean;
  #request: RequestHead | Malformed | undefined;
  #response: ResponseHead | Malformed | undefined;
  /** Null while nobody has looked. */
  #trailersProblem: Malformed | undefined | null = null;

  constructor(fields: readonly HeaderField[], isTooLarge: boolean) {
    this.fields = fields;
    this.isTooLarge = isTooLarge;
  }

  asRequest(): RequestHead | Malformed {
    this.#request ??= readRequestHead(this.fields);
    return this.#request;
  }

  asResponse(): ResponseHead | Malformed {
    this.#response ??= readResponseHead(this.fields);
    return this.#response;
  }

  /** Undefined where the fields may be trailers. */
  trailersProblem(): Malformed | undefined {
    if (this.#trailersProblem === null) {
      this.#trailersProblem = checkTrailers(this.fields);
    }
    return this.#trailersProblem;
  }
}

/** Compressed bytes of a block, as a multiple of the header list that is taken: what Huffman coding can add at worst. */
const MAX_EXPANSION = 4;
/** Frames of one block: each but the last of an honest peer's is full. */
const MAX_FRAMES = 64;
/** Blocks that are remembered, each at the place of its hash, and how long they may be. */
const REMEMBERED_SLOTS = 16;
const MAX_REMEMBERED_BYTES = 256;

/** A block that has changed no table: with the table as it was, the same bytes mean the same fields. */
interface Remembered {
  readonly hash: number;
  readonly bytes: Buffer;
  readonly block: HeaderBlock;
}

/** Puts header blocks together from HEADERS and CONTINUATION (RFC 9113, 4.3 and 6.10), and decodes them. */
export class HeaderBlocks {
  readonly #maxListBytes: number;
  readonly #decoder: HpackDecoder;
  /** Undefined while there is none: who changes the table with each block is spared the search. */
  #remembered: Remembered[] | undefined;
  /** The decoder's table, with which the remembered blocks were read. */
  #rememberedVersion = 0;
  // The block under way, if any.
  #fragments: Buffer[] = [];
  #bytes = 0;
  #streamId = 0;
  #flags = 0;

  constructor(maxListBytes: number, tableBytes: number) {
    this.#maxListBytes = maxListBytes;
    this.#decoder = new HpackDecoder(tableBytes);
  }

  /** Our SETTINGS_HEADER_TABLE_SIZE, once the peer has acknowledged it. */
  set tableBytes(bytes: number) {
    this.#decoder.setMaxTableBytes(bytes);
  }

  /** The stream whose block is not complete; 0 where there is none. Nothing but its CONTINUATION may come (6.10). */
  get streamUnderWay(): number {
    return this.#streamId;
  }

  /** The flags of the HEADERS frame that began the block. */
  get flags(): number {
    return this.#flags;
  }

  /**
   * Takes a HEADERS frame. Undefined where CONTINUATION has to follow.
   *
   * @throws ConnectionError where the frame or the block is malformed
   */
  onHeaders(flags: number, streamId: number, bytes: Buffer, start: number, end: number): HeaderBlock | undefined {
    let from = start;
    let to = end;
    if ((flags & Flag.PADDED) !== 0) {
      to -= bytes[from] ?? 0;
      from++;
    }
    if ((flags & Flag.PRIORITY) !== 0) {
      from += PRIORITY_BYTES;
    }
    if (from > end || to < from) {
      throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "the padding of a HEADERS frame is longer than the frame");
    }
    this.#flags = flags;
    if ((flags & Flag.END_HEADERS) !== 0) {
      return this.#decode(bytes, from, to);
    }
    this.#streamId = streamId;
    this.#collect(bytes, from, to);
    return undefined;
  }

  /** The stream that a HEADERS frame with the PRIORITY flag depends on (5.3.2); undefined without the flag. */
  static dependency(flags: number, bytes: Buffer, from: number, to: number): number | undefined {
    const at = (flags & Flag.PADDED) !== 0 ? from + 1 : from;
    return (flags & Flag.PRIORITY) !== 0 && at + PRIORITY_BYTES <= to ? readUint31(bytes, at) : undefined;
  }

  /** Takes a CONTINUATION frame. Undefined where another has to follow. */
  onContinuation(flags: number, streamId: number, bytes: Buffer, from: number, to: number): HeaderBlock | undefined {
    if (streamId !== this.#streamId) {
      throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "CONTINUATION without a header block under way");
    }
    this.#collect(bytes, from, to);
    if ((flags & Flag.END_HEADERS) === 0) {
      return undefined;
    }
    const block = Buffer.concat(this.#fragments);
    this.#fragments = [];
    this.#bytes = 0;
    this.#streamId = 0;
    return this.#decode(block, 0, block.length);
  }

  #collect(bytes: Buffer, from: number, to: number): void {
    this.#fragments.push(copyOf(bytes, from, to));
    this.#bytes += to - from;
    if (this.#bytes > this.#maxListBytes * MAX_EXPANSION || this.#fragments.length > MAX_FRAMES) {
      throw new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, "a header block does not end");
    }
  }

  #decode(bytes: Buffer, from: number, to: number): HeaderBlock {
    if (to - from > MAX_REMEMBERED_BYTES) {
      return this.#decodeAnew(bytes, from, to);
    }
    const { version } = this.#decoder;
    if (version !== this.#rememberedVersion) {
      this.#remembered = undefined; // they may mean something else by now
      this.#rememberedVersion = version;
    }
    const hash = this.#remembered === undefined ? undefined : hashOf(bytes, from, to);
    if (hash !== undefined) {
      const known = this.#remembered?.[slotOf(hash)];
      if (known !== undefined && known.hash === hash && isSame(known.bytes, bytes, from, to)) {
        return known.block;
      }
    }
    const block = this.#decodeAnew(bytes, from, to);
    if (this.#decoder.version === version) {
      this.#remember(hash ?? hashOf(bytes, from, to), copyOf(bytes, from, to), block);
    }
    return block;
  }

  #remember(hash: number, bytes: Buffer, block: HeaderBlock): void {
    this.#remembered ??= [];
    this.#remembered[slotOf(hash)] = { hash, bytes, block };
  }

  #decodeAnew(bytes: Buffer, from: number, to: number): HeaderBlock {
    try {
      const { fields, listBytes } = this.#decoder.decode(bytes, from, to, this.#maxListBytes);
      return new HeaderBlock(fields, listBytes > this.#maxListBytes);
    } catch (error) {
      if (error instanceof HpackError) {
        throw new ConnectionError(ErrorCode.COMPRESSION_ERROR, error.message);
      }
      throw error;
    }
  }
}

/** A copy with memory of its own: a small part of Node's pool would keep all of the pool alive. */
function copyOf(bytes: Buffer, from: number, to: number): Buffer {
  const copy = Buffer.allocUnsafeSlow(to - from);
  bytes.copy(copy, 0, from, to);
  return copy;
}

function hashOf(bytes: Uint8Array, from: number, to: number): number {
  let hash = to - from;
  for (let at = from; at < to; at++) {
    hash = (Math.imul(hash, 31) + (bytes[at] as number)) | 0; // within the bytes
  }
  return hash ^ (hash >>> 15);
}

function slotOf(hash: number): number {
  return hash & (REMEMBERED_SLOTS - 1);
}

function isSame(known: Uint8Array, bytes: Uint8Array, from: number, to: number): boolean {
  if (known.length !== to - from) {
    return false;
  }
  for (let at = from; at < to; at++) {
    if (known[at - from] !== bytes[at]) {
      return false;
    }
  }
  return true;
}
