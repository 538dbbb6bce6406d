import { type DescField, type DescMessage, type Message, ScalarType } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

/**
 * Writes a message behind `headroom` bytes that are left free for whoever frames it. Undefined where it is not as its type
 * has it: `toBinary` then finds the words.
 */
export type FlatWriter = (message: Message, headroom: number) => Uint8Array | undefined;

/** A writer's buffer grows with the largest message; one this large is not kept. */
const MAX_KEPT_BYTES = 64 * 1024;
const MAX_HEADROOM = 8;
const ZEROS = Array.from({ length: MAX_HEADROOM + 1 }, (_none, length) => new Uint8Array(length));

/** Fields of these are written if they are not zero (protobuf.dev, "Field Presence": implicit). */
const WRITERS: Partial<Record<ScalarType, (writer: BinaryWriter, tag: number, value: never) => void>> = {
  [ScalarType.STRING]: (writer, tag, value: string) => {
    if (value !== "") {
      writer.uint32(tag).string(value);
    }
  },
  [ScalarType.BOOL]: (writer, tag, value: boolean) => {
    if (value) {
      writer.uint32(tag).bool(value);
    }
  },
  [ScalarType.INT32]: (writer, tag, value: number) => {
    if (value !== 0) {
      writer.uint32(tag).int32(value);
    }
  },
  [ScalarType.UINT32]: (writer, tag, value: number) => {
    if (value !== 0) {
      writer.uint32(tag).uint32(value);
    }
  },
};

/** FieldPresence.IMPLICIT (descriptor.proto). */
const IMPLICIT = 2;

let shared = new BinaryWriter();

/**
 * A writer for a message of plain strings, booleans and 32-bit integers, as most small ones are; undefined for any other
 * type. It is protobuf-es's own, used again and again: `toBinary` makes one for each message, with a buffer outside of
 * V8's heap, which takes more time than all else that a small call needs.
 */
export function flatWriter(type: DescMessage): FlatWriter | undefined {
  const fields = [...type.fields].sort((a, b) => a.number - b.number).map(plainField);
  if (fields.includes(undefined)) {
    return undefined;
  }
  const plain = fields as readonly PlainField[]; // none is undefined: above
  return (message, headroom) => {
    if (message.$typeName !== type.typeName || message.$unknown !== undefined || headroom > MAX_HEADROOM) {
      return undefined;
    }
    const writer = shared;
    try {
      writer.raw(ZEROS[headroom] as Uint8Array); // within the array: above
      const values = message as unknown as Readonly<Record<string, never>>;
      for (let at = 0; at < plain.length; at++) {
        const { name, tag, kind, write } = plain[at] as PlainField; // within the array
        const value = values[name];
        if (typeof value !== kind) {
          shared = new BinaryWriter();
          return undefined;
        }
        write(writer, tag, value as never);
      }
      const bytes = writer.finish();
      if (bytes.length > MAX_KEPT_BYTES) {
        shared = new BinaryWriter();
      }
      return bytes;
    } catch {
      shared = new BinaryWriter(); // it may hold the half of a message
      return undefined;
    }
  };
}

interface PlainField {
  readonly name: string;
  /** Number and wire type (protobuf.dev, "Encoding"). */
  readonly tag: number;
  /** What `typeof` says of its values. */
  readonly kind: "string" | "boolean" | "number";
  readonly write: (writer: BinaryWriter, tag: number, value: never) => void;
}

function plainField(field: DescField): PlainField | undefined {
  if (field.fieldKind !== "scalar" || field.oneof !== undefined || field.presence !== IMPLICIT) {
    return undefined;
  }
  const write = WRITERS[field.scalar];
  if (write === undefined) {
    return undefined;
  }
  const isString = field.scalar === ScalarType.STRING;
  const wireType = isString ? WireType.LengthDelimited : WireType.Varint;
  return {
    name: field.localName,
    tag: ((field.number << 3) | wireType) >>> 0,
    kind: isString ? "string" : field.scalar === ScalarType.BOOL ? "boolean" : "number",
    write,
  };
}
