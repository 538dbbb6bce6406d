import { fieldBytes } from "./header-field.ts";

/**
 * Lines of a header list that many messages have in common, such as the head of an answer: made once, and never changed.
 * What they take in a header block is remembered for each connection, by their identity.
 */
export class FieldBlock implements Iterable<readonly [name: string, value: string]> {
  readonly lines: readonly (readonly [name: string, value: string])[];
  /** Their part of a header list's size (RFC 9113, 6.5.2). */
  readonly listBytes: number;

  constructor(lines: readonly (readonly [name: string, value: string])[]) {
    this.lines = lines;
    this.listBytes = lines.reduce((bytes, [name, value]) => bytes + fieldBytes(name, value), 0);
  }

  [Symbol.iterator](): Iterator<readonly [name: string, value: string]> {
    return this.lines[Symbol.iterator]();
  }
}
