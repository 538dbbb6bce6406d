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
const SCHEME = { http: 0x86, https: 0x87 } as const;

/** A field: its name and value in ASCII. One that is sent again is known by being the same array. */
export type Field = readonly [name: string, value: string];

/** Writes a request's fields to a buffer, and returns the position after them. */
export type FieldWriter = (out: Buffer, at: number, fields: readonly Field[]) => number;

/**
 * Header blocks as the client libraries of gRPC write them: each field goes into the table, in Huffman code, and is an index
 * from then on. Fields that differ with each call push the others out, so that those go in again: what the server has to
 * follow is what it would have to with such clients. `:method` and `:scheme` are written by themselves.
 */
export function createFieldWriter(scheme: "http" | "https"): FieldWriter {
  /** When a field came into the table, or a field of a name: how many came since is its index. */
  const arrivals = new Map<Field, number>();
  const nameArrivals = new Map<string, number>();
  /** What is in the table, the oldest first. */
  const entries: Field[] = [];
  let inserted = 0;
  let tableBytes = 0;

  function insert(field: Field): void {
    tableBytes += entryBytes(field);
    while (tableBytes > TABLE_BYTES) {
      const oldest = entries.shift();
      if (oldest === undefined) break;
      tableBytes -= entryBytes(oldest);
      arrivals.delete(oldest);
    }
    entries.push(field);
    arrivals.set(field, inserted);
    nameArrivals.set(field[0], inserted++);
  }

  /** The index of what came at `arrival`; 0, which is no index, where it is gone. */
  function indexOf(arrival: number | undefined): number {
    const age = arrival === undefined ? entries.length : inserted - 1 - arrival;
    return age < entries.length ? STATIC_ENTRIES + 1 + age : 0;
  }

  return (out, start, fields) => {
    out[start] = METHOD_POST;
    out[start + 1] = SCHEME[scheme];
    let at = start + 2;
    for (const field of fields) {
      const index = indexOf(arrivals.get(field));
      if (index > 0) {
        at = writeInteger(out, at, INDEXED, 0x7f, index);
        continue;
      }
      const [name, value] = field;
      const nameIndex = indexOf(nameArrivals.get(name));
      at = writeInteger(out, at, INSERTED, 0x3f, nameIndex);
      if (nameIndex === 0) at = writeText(out, at, name);
      at = writeText(out, at, value);
      insert(field);
    }
    return at;
  };
}

function entryBytes([name, value]: Field): number {
  return name.length + value.length + ENTRY_BYTES;
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
