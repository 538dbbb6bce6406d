import type { Malformed } from "./malformed.ts";

/** What a field costs beside its name and value (RFC 7541, 4.1; RFC 9113, 6.5.2). */
const FIELD_OVERHEAD_BYTES = 32;

/**
 * A header field as HPACK has it: names and values are bytes, held as latin1 strings, and never changed. It is shared by
 * tables, blocks and connections.
 */
export class HeaderField {
  /** What makes its name or value malformed, as `fields.ts` has found: nothing else counts. Null while nobody has looked. */
  problem: Malformed | undefined | null = null;
  readonly name: string;
  readonly value: string;
  /** Bytes of name and value, plus 32 (RFC 7541, 4.1). */
  readonly size: number;
  /** Whether an intermediary must send it on as never indexed, too (RFC 7541, 7.1.3). */
  readonly neverIndexed: boolean;

  constructor(name: string, value: string, neverIndexed = false) {
    this.name = name;
    this.value = value;
    this.size = fieldBytes(name, value);
    this.neverIndexed = neverIndexed;
  }
}

/** The size of a field in a dynamic table and in a header list (RFC 7541, 4.1), for latin1 strings. */
export function fieldBytes(name: string, value: string): number {
  return name.length + value.length + FIELD_OVERHEAD_BYTES;
}
