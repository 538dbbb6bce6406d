import { create, type DescMessage, type Message, ScalarType } from "@bufbuild/protobuf";
import { type FlatField, flatFields } from "./flat-fields.ts";
import { textOf } from "./flat-text.ts";

/**
 * Reads a message. Undefined where there is anything in it but the type's own fields, in a few bytes each: `fromBinary` then
 * reads it, or finds the words.
 */
export type FlatReader = (bytes: Uint8Array) => Message | undefined;

/** Numbers of four bytes at most, which have 28 bits: longer ones are rare, or none that may be. */
const MAX_SHIFT = 21;
const NONE = -1;

/** Where the message under way is read. One is read at a time, from its first byte to its last. */
let position = 0;

/**
 * A reader for a message of plain strings, booleans and 32-bit integers; undefined for any other type. `fromBinary` makes a
 * reader for each message, with a view of the bytes: more work than a small message is.
 */
export function flatReader(type: DescMessage): FlatReader | undefined {
  const fields = flatFields(type);
  if (fields === undefined) {
    return undefined;
  }
  const byTag = new Map(fields.map((field) => [field.tag, field]));
  return (bytes) => {
    const message = create(type);
    const values = message as unknown as Record<string, unknown>;
    position = 0;
    while (position < bytes.length) {
      const field = byTag.get(readVarint(bytes));
      const value = field === undefined ? undefined : readValue(bytes, field);
      if (field === undefined || value === undefined) {
        return undefined;
      }
      values[field.name] = value;
    }
    return message;
  };
}

function readValue(bytes: Uint8Array, { scalar, isStrict }: FlatField): string | number | boolean | undefined {
  const number = readVarint(bytes);
  if (number === NONE) {
    return undefined;
  }
  if (scalar === ScalarType.STRING) {
    return readText(bytes, number, isStrict);
  }
  return scalar === ScalarType.BOOL ? number !== 0 : number;
}

/** Below 2^28; -1 for what is longer, or not whole. */
function readVarint(bytes: Uint8Array): number {
  let value = 0;
  for (let shift = 0; shift <= MAX_SHIFT; shift += 7) {
    const byte = bytes[position++] ?? 0x80;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      return value;
    }
  }
  return NONE;
}

function readText(bytes: Uint8Array, length: number, isStrict: boolean): string | undefined {
  const from = position;
  position += length;
  if (position > bytes.length) {
    return undefined;
  }
  try {
    return textOf(bytes, from, position, isStrict);
  } catch {
    return undefined;
  }
}
