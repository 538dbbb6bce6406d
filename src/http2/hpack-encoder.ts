import { fieldBytes, HeaderField } from "./header-field.ts";
import { SearchableHeaderTable } from "./header-table.ts";
import { HpackCandidates } from "./hpack-candidates.ts";
import { writeInteger } from "./hpack-integer.ts";
import { encodeHuffman, huffmanBytes } from "./huffman.ts";
import { STATIC_FIELDS, STATIC_NAMES } from "./static-table.ts";

/** SETTINGS_HEADER_TABLE_SIZE before any settings are exchanged (RFC 9113, 6.5.2). */
const INITIAL_TABLE_BYTES = 4096;
/**
 * Strings are sent in Huffman code where that is worth its CPU time: in what goes into the table, which is sent once, and from
 * this length on. For all else the few bytes saved would cost both sides more than they are worth.
 */
const LONG_STRING_BYTES = 64;
/** The representation's byte or index, and two lengths, at their longest. */
const MAX_OVERHEAD_BYTES = 16;

// The representations of a field, as the flags of their first byte and the mask of their index (RFC 7541, 6).
const INDEXED = 0x80;
const INDEXED_PREFIX = 0x7f;
const INSERTED = 0x40;
const INSERTED_PREFIX = 0x3f;
const SIZE_UPDATE = 0x20;
const SIZE_UPDATE_PREFIX = 0x1f;
const NEVER_INDEXED = 0x10;
const NOT_INDEXED = 0x00;
const LITERAL_PREFIX = 0x0f;
const HUFFMAN = 0x80;
const STRING_PREFIX = 0x7f;

/** An upper bound of the bytes that a field takes in a block. */
export function maxEncodedBytes(name: string, value: string): number {
  return name.length + value.length + MAX_OVERHEAD_BYTES;
}

/**
 * One direction's header blocks, encoded in the order in which they are sent (RFC 7541): `begin`, then `encode` for each
 * field. Every block has to be sent whole, as the peer's table follows it. Values of authorization, proxy-authorization, cookie
 * and set-cookie are never indexed.
 */
export class HpackEncoder {
  readonly #table = new SearchableHeaderTable(INITIAL_TABLE_BYTES);
  readonly #candidates = new HpackCandidates();
  readonly #maxTableBytes: number;
  #peerTableBytes = INITIAL_TABLE_BYTES;
  #version = 0;
  /** The smallest maximum since the last block; undefined where none is to be announced. */
  #smallestDueBytes: number | undefined;

  /** @param maxTableBytes the most that is used of what the peer allows */
  constructor(maxTableBytes = INITIAL_TABLE_BYTES) {
    this.#maxTableBytes = maxTableBytes;
    if (maxTableBytes < INITIAL_TABLE_BYTES) {
      this.#smallestDueBytes = maxTableBytes;
    }
  }

  /** The dynamic table: to look at, not to change. */
  get table(): Pick<SearchableHeaderTable, "at" | "bytes" | "count" | "maxBytes"> {
    return this.#table;
  }

  /** Changes with the dynamic table: what was encoded before means the same for as long as this is the same. */
  get version(): number {
    return this.#version;
  }

  /** Applies the peer's SETTINGS_HEADER_TABLE_SIZE; the next block announces what it changes. */
  setPeerTableBytes(bytes: number): void {
    const usable = Math.min(bytes, this.#maxTableBytes);
    // A reduction has to be answered even where we used less already (RFC 9113, 4.3.1).
    if (bytes < this.#peerTableBytes || usable !== this.#table.maxBytes || this.#smallestDueBytes !== undefined) {
      this.#smallestDueBytes = Math.min(this.#smallestDueBytes ?? usable, usable);
    }
    this.#peerTableBytes = bytes;
  }

  /**
   * Begins a block: writes the table size updates that are due (RFC 7541, 4.2), at most 12 bytes.
   * @returns the position after them
   */
  begin(out: Uint8Array, at: number): number {
    const smallest = this.#smallestDueBytes;
    if (smallest === undefined) {
      return at;
    }
    this.#smallestDueBytes = undefined;
    this.#version++;
    const last = Math.min(this.#peerTableBytes, this.#maxTableBytes);
    let end = at;
    if (smallest < last) {
      this.#table.resize(smallest);
      end = writeInteger(out, end, SIZE_UPDATE, SIZE_UPDATE_PREFIX, smallest);
    }
    this.#table.resize(last);
    return writeInteger(out, end, SIZE_UPDATE, SIZE_UPDATE_PREFIX, last);
  }

  /**
   * Writes a field, for which `out` has room as `maxEncodedBytes` says. Name and value are bytes as latin1 characters, the name
   * in lower case: callers have checked them.
   * @returns the position after it
   * @throws TypeError where a character is none of latin1. The table is as before the field; the block is still to be sent, or
   *   to be given up by `abandon`.
   */
  encode(out: Uint8Array, at: number, name: string, value: string): number {
    const known = STATIC_NAMES.get(name);
    if (known !== undefined) {
      const index = known.indexByValue.get(value);
      if (index !== undefined) {
        out[at] = INDEXED | index;
        return at + 1;
      }
      if (known.isSecret) {
        return writeLiteral(out, at, NEVER_INDEXED, LITERAL_PREFIX, known.index, name, value);
      }
    }
    const age = this.#table.ageOf(name, value);
    if (age !== -1) {
      return writeInteger(out, at, INDEXED, INDEXED_PREFIX, dynamicIndex(age));
    }
    const nameIndex = known === undefined ? this.#dynamicNameIndex(name) : known.index;
    if (fieldBytes(name, value) > this.#table.maxBytes || !this.#candidates.isRepeated(name, value)) {
      return writeLiteral(out, at, NOT_INDEXED, LITERAL_PREFIX, nameIndex, name, value);
    }
    const end = writeLiteral(out, at, INSERTED, INSERTED_PREFIX, nameIndex, name, value);
    this.#table.insert(new HeaderField(name, value));
    this.#version++;
    return end;
  }

  /** The block at hand is not sent: the next one empties both tables, as the peer does not know what this one changed. */
  abandon(): void {
    this.#smallestDueBytes = 0;
  }

  #dynamicNameIndex(name: string): number {
    const age = this.#table.ageOfName(name);
    return age === -1 ? 0 : dynamicIndex(age);
  }
}

/** RFC 7541, 2.3.3. */
function dynamicIndex(age: number): number {
  return STATIC_FIELDS.length + 1 + age;
}

function writeLiteral(
  out: Uint8Array,
  at: number,
  flags: number,
  prefix: number,
  nameIndex: number,
  name: string,
  value: string,
): number {
  const shortestForHuffman = flags === INSERTED ? 1 : LONG_STRING_BYTES;
  let end = writeInteger(out, at, flags, prefix, nameIndex);
  if (nameIndex === 0) {
    end = writeString(out, end, name, shortestForHuffman, name);
  }
  return writeString(out, end, value, shortestForHuffman, name);
}

/** RFC 7541, 5.2: in Huffman code where the string is long enough for it and gets shorter by it. */
function writeString(out: Uint8Array, at: number, text: string, shortestForHuffman: number, name: string): number {
  if (text.length >= shortestForHuffman) {
    const bytes = huffmanBytes(text);
    if (bytes < text.length) {
      return encodeHuffman(out, writeInteger(out, at, HUFFMAN, STRING_PREFIX, bytes), text);
    }
  }
  const from = writeInteger(out, at, 0, STRING_PREFIX, text.length);
  let seen = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    seen |= code;
    out[from + i] = code;
  }
  if (seen > 0xff) {
    throw new TypeError(`header field ${JSON.stringify(name)} has a character above U+00FF, which HTTP cannot carry`);
  }
  return from + text.length;
}
