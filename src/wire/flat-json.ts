import { create, type DescMessage, type JsonWriteOptions, ScalarType } from "@bufbuild/protobuf";
import { type FlatField, flatFields } from "./flat-fields.ts";
import type { FlatReader } from "./flat-reader.ts";
import { textOf } from "./flat-text.ts";
import type { FlatWriter } from "./flat-writer.ts";

// Messages of plain strings, booleans and 32-bit integers in protobuf's JSON (protobuf.dev, "ProtoJSON Format"), straight
// from and to bytes. `fromJson` makes a value of each text first, and looks through the text again for keys that come twice.

/** A field, with what its names are in JSON. */
interface JsonField {
  readonly field: FlatField;
  /** A bit of its own, to tell what has come. */
  readonly bit: number;
  readonly names: readonly Uint8Array[];
  /** `"name":` */
  readonly prefix: string;
}

/** As many as have a bit each in a number. */
const MAX_FIELDS = 30;
/** Names that mean the same in JSON, in a text of JSON, and as properties in the order in which they are set. */
const PLAIN_NAME = /^(?!__proto__$)[A-Za-z_]\w*$/;
/** Nine digits are within 32 bits, with a sign or without. */
const MAX_DIGITS = 9;

const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const ZERO = 0x30;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN = 0x7b;
const CLOSE = 0x7d;
const TRUE = Buffer.from("true");
const FALSE = Buffer.from("false");

/**
 * A reader for a flat message in JSON; undefined for any other type. It takes what `JSON.stringify` writes of such a message,
 * with spaces between, in ASCII without escapes. Whatever else there is, `fromJson` reads.
 */
export function flatJsonReader(type: DescMessage): FlatReader | undefined {
  const fields = jsonFields(type);
  if (fields === undefined) {
    return undefined;
  }
  return (bytes) => {
    const message = create(type);
    return readObject(bytes, fields, message as unknown as Record<string, unknown>) ? message : undefined;
  };
}

/** A writer for a flat message in JSON; undefined for any other type, and where the options ask for another form. */
export function flatJsonWriter(
  type: DescMessage,
  options: Partial<JsonWriteOptions> | undefined,
): FlatWriter | undefined {
  const fields = jsonFields(type);
  if (fields === undefined || options?.alwaysEmitImplicit || options?.useProtoFieldName) {
    return undefined;
  }
  return (message, headroom) => {
    if (message.$typeName !== type.typeName || message.$unknown !== undefined) {
      return undefined;
    }
    const values = message as unknown as Readonly<Record<string, unknown>>;
    let text = "";
    for (const { field, prefix } of fields) {
      const value = jsonOf(field, values[field.name]);
      if (value === undefined) {
        return undefined;
      }
      if (value !== "") {
        text += text === "" ? prefix + value : `,${prefix}${value}`;
      }
    }
    const bytes = Buffer.allocUnsafe(headroom + 2 + Buffer.byteLength(text));
    bytes[headroom] = OPEN;
    bytes.write(text, headroom + 1);
    bytes[bytes.length - 1] = CLOSE;
    return bytes;
  };
}

function jsonFields(type: DescMessage): readonly JsonField[] | undefined {
  const flat = flatFields(type);
  const names = type.fields.flatMap(({ name, jsonName }) => [...new Set([name, jsonName])]);
  const arePlain = names.every((name) => PLAIN_NAME.test(name)) && new Set(names).size === names.length;
  // Those of protobuf's own have forms of their own.
  if (flat === undefined || flat.length > MAX_FIELDS || !arePlain || type.typeName.startsWith("google.protobuf.")) {
    return undefined;
  }
  return flat.map((field, index) => ({
    field,
    bit: 1 << index,
    names: [...new Set([field.jsonName, field.protoName])].map((name) => Buffer.from(name)),
    prefix: `"${field.jsonName}":`,
  }));
}

/** A field's value in JSON: empty where it is not written, undefined where it is none of the field's. */
function jsonOf({ scalar }: FlatField, value: unknown): string | undefined {
  switch (scalar) {
    case ScalarType.STRING:
      return typeof value !== "string" ? undefined : value === "" ? "" : JSON.stringify(value);
    case ScalarType.BOOL:
      return typeof value !== "boolean" ? undefined : value ? "true" : "";
    default:
      return typeof value !== "number" || !Number.isFinite(value) ? undefined : value === 0 ? "" : String(value);
  }
}

/** Where the text under way is read. One is read at a time, from its first byte to its last. */
let position = 0;

function readObject(bytes: Uint8Array, fields: readonly JsonField[], values: Record<string, unknown>): boolean {
  let seen = 0;
  position = 0;
  if (next(bytes) !== OPEN) {
    return false;
  }
  let byte = next(bytes);
  if (byte === CLOSE) {
    return isAtEnd(bytes);
  }
  while (byte === QUOTE) {
    const known = readName(bytes, fields);
    if (known === undefined || (seen & known.bit) !== 0 || next(bytes) !== COLON) {
      return false;
    }
    seen |= known.bit;
    const value = readValue(bytes, known.field);
    if (value === undefined) {
      return false;
    }
    values[known.field.name] = value;
    byte = next(bytes);
    if (byte === CLOSE) {
      return isAtEnd(bytes);
    }
    if (byte !== COMMA) {
      return false;
    }
    byte = next(bytes);
  }
  return false;
}

/** The next byte that is no white space (RFC 8259, 2); -1 at the end. */
function next(bytes: Uint8Array): number {
  let byte = bytes[position++] ?? -1;
  while (byte === SPACE || byte === 0x0a || byte === 0x0d || byte === 0x09) {
    byte = bytes[position++] ?? -1;
  }
  return byte;
}

function isAtEnd(bytes: Uint8Array): boolean {
  return next(bytes) === -1;
}

/** The field whose name is here, behind its first quote. */
function readName(bytes: Uint8Array, fields: readonly JsonField[]): JsonField | undefined {
  for (const field of fields) {
    for (const name of field.names) {
      if (isHere(bytes, name) && bytes[position + name.length] === QUOTE) {
        position += name.length + 1;
        return field;
      }
    }
  }
  return undefined;
}

function isHere(bytes: Uint8Array, expected: Uint8Array): boolean {
  for (let at = 0; at < expected.length; at++) {
    if (bytes[position + at] !== expected[at]) {
      return false;
    }
  }
  return true;
}

function readValue(bytes: Uint8Array, { scalar }: FlatField): string | boolean | number | undefined {
  const first = next(bytes);
  switch (scalar) {
    case ScalarType.STRING:
      return first === QUOTE ? readString(bytes) : undefined;
    case ScalarType.BOOL:
      position--;
      return readBoolean(bytes);
    default:
      position--;
      return readInteger(bytes, scalar === ScalarType.INT32);
  }
}

/** A string in ASCII without escapes, behind its first quote. */
function readString(bytes: Uint8Array): string | undefined {
  const from = position;
  for (;;) {
    const byte = bytes[position++] ?? -1;
    if (byte === QUOTE) {
      return textOf(bytes, from, position - 1, true);
    }
    if (byte < SPACE || byte > 0x7e || byte === BACKSLASH) {
      return undefined;
    }
  }
}

function readBoolean(bytes: Uint8Array): boolean | undefined {
  const value = isHere(bytes, TRUE) ? true : isHere(bytes, FALSE) ? false : undefined;
  position += value ? TRUE.length : FALSE.length;
  return value;
}

function readInteger(bytes: Uint8Array, maySign: boolean): number | undefined {
  const isNegative = maySign && bytes[position] === MINUS;
  position += isNegative ? 1 : 0;
  const from = position;
  let number = 0;
  for (;;) {
    const digit = (bytes[position] ?? 0) - ZERO;
    if (digit < 0 || digit > 9) {
      break;
    }
    number = number * 10 + digit;
    position++;
  }
  const digits = position - from;
  const isPlain = digits > 0 && digits <= MAX_DIGITS && (digits === 1 || bytes[from] !== ZERO);
  if (!isPlain || (isNegative && number === 0)) {
    return undefined; // what stands behind it, such as a fraction, is seen by who looks for a comma
  }
  return isNegative ? -number : number;
}
