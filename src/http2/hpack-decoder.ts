import { HeaderField } from "./header-field.ts";
import { HeaderTable } from "./header-table.ts";
import { HpackError } from "./hpack-error.ts";
import { decodeHuffman } from "./huffman.ts";
import { STATIC_FIELDS } from "./static-table.ts";

/** SETTINGS_HEADER_TABLE_SIZE before any settings are exchanged (RFC 9113, 6.5.2). */
const INITIAL_TABLE_BYTES = 4096;
/** Before and after the last of several changes of the maximum: the smallest, then the last (RFC 7541, 4.2). */
const MAX_SIZE_UPDATES = 2;
/** An integer has four bytes at most beyond its prefix: 28 bits, more than any length or index that means something (RFC 7541, 5.1). */
const MAX_INTEGER_SHIFT = 21;
const NO_BYTES = Buffer.alloc(0);

/** A decoded block. */
export interface DecodedFields {
  /** The fields in their order, of which those beyond the limit are missing. */
  readonly fields: HeaderField[];
  /** The sizes of all fields, with those that were not kept (RFC 9113, 6.5.2). */
  readonly listBytes: number;
}

/** One direction's header blocks, decoded in their order (RFC 7541). After an error it is of no more use. */
export class HpackDecoder {
  readonly #table: HeaderTable;
  #maxTableBytes: number;
  /** What the next block has to bring the table down to at its start. */
  #owedTableBytes = Number.POSITIVE_INFINITY;
  #version = 0;
  // The block at hand.
  #bytes: Buffer = NO_BYTES;
  #at = 0;
  #to = 0;

  /** @param maxTableBytes what we announce by SETTINGS_HEADER_TABLE_SIZE; below 4096 see `setMaxTableBytes` */
  constructor(maxTableBytes = INITIAL_TABLE_BYTES) {
    this.#maxTableBytes = maxTableBytes;
    this.#table = new HeaderTable(Math.min(maxTableBytes, INITIAL_TABLE_BYTES));
  }

  /** Grows whenever the dynamic table changes: the same bytes at the same version are the same fields. */
  get version(): number {
    return this.#version;
  }

  /** The dynamic table: to look at, not to change. */
  get table(): Pick<HeaderTable, "at" | "bytes" | "count" | "maxBytes"> {
    return this.#table;
  }

  /**
   * Changes the announced maximum, at the moment when the peer has acknowledged it. A peer whose table is larger has to begin
   * its next block with a size update (RFC 9113, 4.3.1). To announce less than 4096 begin with 4096 and call this, as the
   * peer's first blocks may be older than our settings.
   */
  setMaxTableBytes(bytes: number): void {
    this.#maxTableBytes = bytes;
    if (bytes < this.#table.maxBytes) {
      this.#owedTableBytes = Math.min(this.#owedTableBytes, bytes);
    }
  }

  /**
   * Decodes the header block bytes[from, to), of which nothing is kept. Fields beyond `maxListBytes` (the sum of their sizes,
   * RFC 9113, 6.5.2) are decoded for the tables' sake, and counted, but not kept.
   * @throws HpackError where the block is malformed
   */
  decode(bytes: Uint8Array, from: number, to: number, maxListBytes: number): DecodedFields {
    this.#bytes = bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = from;
    this.#to = to;
    try {
      this.#sizeUpdates();
      const fields: HeaderField[] = [];
      let listBytes = 0;
      while (this.#at < to) {
        const field = this.#field();
        listBytes += field.size;
        if (listBytes <= maxListBytes) {
          fields.push(field);
        }
      }
      return { fields, listBytes };
    } finally {
      // The chunk that was read is not to be kept alive until the next block.
      this.#bytes = NO_BYTES;
    }
  }

  /** RFC 7541, 6.3: only at the start of a block. */
  #sizeUpdates(): void {
    for (let updates = 0; this.#at < this.#to && ((this.#bytes[this.#at] ?? 0) & 0xe0) === 0x20; updates++) {
      const maxBytes = this.#integer(0x1f);
      if (updates === MAX_SIZE_UPDATES) {
        throw new HpackError("more than two table size updates");
      }
      if (maxBytes > this.#maxTableBytes) {
        throw new HpackError(`a table size update to ${maxBytes} bytes; allowed are ${this.#maxTableBytes}`);
      }
      if (maxBytes <= this.#owedTableBytes) {
        this.#owedTableBytes = Number.POSITIVE_INFINITY;
      }
      this.#table.resize(maxBytes);
      this.#version++;
    }
    if (this.#owedTableBytes !== Number.POSITIVE_INFINITY) {
      throw new HpackError(`no table size update to the announced ${this.#owedTableBytes} bytes`);
    }
  }

  /** One field in any of its representations (RFC 7541, 6.1 and 6.2). */
  #field(): HeaderField {
    const first = this.#bytes[this.#at] ?? 0;
    if (first >= 0x80) {
      return this.#indexed(this.#integer(0x7f));
    }
    if (first >= 0x40) {
      const field = this.#literal(0x3f, false);
      this.#table.insert(field);
      this.#version++;
      return field;
    }
    if (first >= 0x20) {
      throw new HpackError("a table size update after a field");
    }
    return this.#literal(0x0f, first >= 0x10);
  }

  #literal(prefix: number, neverIndexed: boolean): HeaderField {
    const index = this.#integer(prefix);
    const name = index === 0 ? this.#string() : this.#indexed(index).name;
    return new HeaderField(name, this.#string(), neverIndexed);
  }

  /** RFC 7541, 2.3.3: the static table's indexes, then the dynamic table's from its newest field. */
  #indexed(index: number): HeaderField {
    const field =
      index <= STATIC_FIELDS.length ? STATIC_FIELDS[index - 1] : this.#table.at(index - STATIC_FIELDS.length - 1);
    if (field === undefined) {
      throw new HpackError(`index ${index} is in neither table`);
    }
    return field;
  }

  /** RFC 7541, 5.1; the prefix is a mask. */
  #integer(prefix: number): number {
    let value = this.#byte() & prefix;
    if (value < prefix) {
      return value;
    }
    for (let shift = 0; shift <= MAX_INTEGER_SHIFT; shift += 7) {
      const byte = this.#byte();
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) {
        return value;
      }
    }
    throw new HpackError("an integer of more than 28 bits");
  }

  /** RFC 7541, 5.2. */
  #string(): string {
    const isHuffman = this.#at < this.#to && (this.#bytes[this.#at] ?? 0) >= 0x80;
    const length = this.#integer(0x7f);
    const from = this.#at;
    const end = from + length;
    if (end > this.#to) {
      throw new HpackError(`a string of ${length} bytes where ${this.#to - from} are left`);
    }
    this.#at = end;
    return isHuffman ? decodeHuffman(this.#bytes, from, end) : this.#bytes.toString("latin1", from, end);
  }

  #byte(): number {
    if (this.#at >= this.#to) {
      throw new HpackError("the header block is truncated");
    }
    return this.#bytes[this.#at++] ?? 0;
  }
}
