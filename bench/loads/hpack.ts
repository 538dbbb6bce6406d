import { encodeHuffman, huffmanBytes } from "../../src/http2/huffman.ts";

/** SETTINGS_HEADER_TABLE_SIZE of whoever does not name another (RFC 9113, 6.5.2). */
const TABLE_BYTES = 4096;
const STATIC_ENTRIES = 61;
/** What an entry counts beside its text (RFC 7541, 4.1). */
const ENTRY_BYTES = 32;

const INDEXED = 0x80;
const INSERTED = 0x40;
const HUFFMAN = 0x80;
const METHOD_POST = 0x83;
const SCHEME_HTTP = 0x86;

/** Writes a request's fields, given as names and values that are ASCII, to a buffer, and returns the position after them. */
export type FieldWriter = (out: Buffer, at: number, fields: readonly (readonly [string, string])[]) => number;

/**
 * Header blocks as the client libraries of gRPC write them: each field goes into the table, in Huffman code, and is an index
 * from then on. Fields that differ with each call push the others out, so that those go in again: what the server has to
 * follow is what it would have to with such clients. `:method` and `:scheme` are written by themselves.
 */
export function createFieldWriter(): FieldWriter {
  /** When an entry came, by name and value; the age of it is what is its index. */
  const arrivals = new Map<string, number>();
  const entries: { readonly key: string; readonly bytes: number; readonly at: number }[] = [];
  let oldest = 0;
  let inserted = 0;
  let tableBytes = 0;

  function insert(key: string, bytes: number): void {
    tableBytes += bytes;
    for (; tableBytes > TABLE_BYTES; oldest++) {
      const entry = entries[oldest];
      if (entry === undefined) break;
      tableBytes -= entry.bytes;
      if (arrivals.get(entry.key) === entry.at) arrivals.delete(entry.key);
    }
    if (oldest > 1_000) {
      entries.splice(0, oldest);
      oldest = 0;
    }
    entries.push({ key, bytes, at: inserted });
    arrivals.set(key, inserted++);
  }

  return (out, start, fields) => {
    out[start] = METHOD_POST;
    out[start + 1] = SCHEME_HTTP;
    let at = start + 2;
    for (const [name, value] of fields) {
      const key = `${name}\0${value}`;
      const arrival = arrivals.get(key);
      if (arrival !== undefined) {
        at = writeInteger(out, at, INDEXED, 0x7f, STATIC_ENTRIES + inserted - arrival);
        continue;
      }
      out[at++] = INSERTED;
      at = writeText(out, writeText(out, at, name), value);
      insert(key, name.length + value.length + ENTRY_BYTES);
    }
    return at;
  };
}

/** RFC 7541, 5.2. */
function writeText(out: Buffer, at: number, text: string): number {
  const bytes = huffmanBytes(text);
  if (bytes < text.length) return encodeHuffman(out, writeInteger(out, at, HUFFMAN, 0x7f, bytes), text);
  const from = writeInteger(out, at, 0, 0x7f, text.length);
  return from + out.write(text, from, "latin1");
}

/** RFC 7541, 5.1. */
function writeInteger(out: Buffer, start: number, flags: number, mask: number, value: number): number {
  if (value < mask) {
    out[start] = flags | value;
    return start + 1;
  }
  let at = start;
  out[at++] = flags | mask;
  let rest = value - mask;
  for (; rest >= 128; rest >>= 7) out[at++] = (rest & 0x7f) | 0x80;
  out[at++] = rest;
  return at;
}
