import type { HeaderField } from "./header-field.ts";

// The dynamic table (RFC 7541, 2.3.2 and 4): first in, first out, bounded by the sum of its fields' sizes.

const FIRST_RING_LENGTH = 16;

/** A dynamic table as the decoder needs it: fields by their index. Takes no memory for fields until the first is inserted. */
export class HeaderTable {
  /** A ring whose length is a power of two; made at the first insertion, so that an idle connection has none. */
  #ring: (HeaderField | undefined)[] | undefined;
  #maxBytes: number;
  #bytes = 0;
  #count = 0;
  #inserted = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The most that it may hold (RFC 7541, 4.2). */
  get maxBytes(): number {
    return this.#maxBytes;
  }

  /** What it holds (RFC 7541, 4.1). */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many fields it holds. */
  get count(): number {
    return this.#count;
  }

  /** How many fields were ever inserted: the sequence number of the next one. */
  get inserted(): number {
    return this.#inserted;
  }

  /** The field that was inserted `age` insertions before the newest, which is 0; undefined where there is none. */
  at(age: number): HeaderField | undefined {
    const ring = this.#ring;
    return ring === undefined || age >= this.#count ? undefined : ring[(this.#inserted - 1 - age) & (ring.length - 1)];
  }

  /** Inserts a field, after the eviction that makes room; one that is larger than the table leaves it empty (RFC 7541, 4.4). */
  insert(field: HeaderField): void {
    this.#evictTo(this.#maxBytes - field.size);
    if (field.size > this.#maxBytes) {
      return;
    }
    const ring = this.#roomyRing();
    ring[this.#inserted & (ring.length - 1)] = field;
    this.#inserted++;
    this.#count++;
    this.#bytes += field.size;
  }

  /** Changes the maximum, and evicts what no longer fits (RFC 7541, 4.3). */
  resize(maxBytes: number): void {
    this.#maxBytes = maxBytes;
    this.#evictTo(maxBytes);
  }

  /** Called for each field that leaves. */
  protected evicted(_field: HeaderField, _sequence: number): void {
    // Only a table that can be searched has something to forget.
  }

  #evictTo(bytes: number): void {
    const ring = this.#ring;
    while (ring !== undefined && this.#count > 0 && this.#bytes > bytes) {
      const sequence = this.#inserted - this.#count;
      const slot = sequence & (ring.length - 1);
      const field = ring[slot];
      ring[slot] = undefined;
      this.#count--;
      if (field !== undefined) {
        this.#bytes -= field.size;
        this.evicted(field, sequence);
      }
    }
  }

  #roomyRing(): (HeaderField | undefined)[] {
    const old = this.#ring;
    if (old === undefined) {
      this.#ring = new Array<HeaderField | undefined>(FIRST_RING_LENGTH).fill(undefined);
      return this.#ring;
    }
    if (this.#count < old.length) {
      return old;
    }
    const ring = new Array<HeaderField | undefined>(old.length * 2).fill(undefined);
    for (let sequence = this.#inserted - this.#count; sequence < this.#inserted; sequence++) {
      ring[sequence & (ring.length - 1)] = old[sequence & (old.length - 1)];
    }
    this.#ring = ring;
    return ring;
  }
}

/** The fields of one name in a table: sequence numbers, which stay while indexes move. */
interface NamedFields {
  readonly sequenceByValue: Map<string, number>;
  newest: number;
}

/** A dynamic table as the encoder needs it: ages by name and value. A pair is to be inserted only when it is not there. */
export class SearchableHeaderTable extends HeaderTable {
  readonly #names = new Map<string, NamedFields>();

  /** The age of the newest field with this name; -1 where there is none. */
  ageOfName(name: string): number {
    const named = this.#names.get(name);
    return named === undefined ? -1 : this.inserted - 1 - named.newest;
  }

  /** The age of this field; -1 where it is not there. */
  ageOf(name: string, value: string): number {
    const sequence = this.#names.get(name)?.sequenceByValue.get(value);
    return sequence === undefined ? -1 : this.inserted - 1 - sequence;
  }

  override insert(field: HeaderField): void {
    const sequence = this.inserted;
    super.insert(field);
    if (this.inserted === sequence) {
      return;
    }
    const named = this.#names.get(field.name);
    if (named === undefined) {
      this.#names.set(field.name, { sequenceByValue: new Map([[field.value, sequence]]), newest: sequence });
    } else {
      named.sequenceByValue.set(field.value, sequence);
      named.newest = sequence;
    }
  }

  protected override evicted(field: HeaderField, sequence: number): void {
    const named = this.#names.get(field.name);
    if (named?.sequenceByValue.get(field.value) === sequence) {
      named.sequenceByValue.delete(field.value);
      if (named.sequenceByValue.size === 0) {
        this.#names.delete(field.name);
      }
    }
  }
}
