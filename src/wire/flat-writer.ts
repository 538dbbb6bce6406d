import { type DescMessage, type Message, ScalarType } from "@bufbuild/protobuf";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { type FlatScalar, flatFields } from "./flat-fields.ts";

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
const WRITERS: Readonly<Record<FlatScalar, (writer: BinaryWriter, tag: number, value: never) => void>> = {
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

/** What `typeof` says of their values. */
const KINDS: Readonly<Record<FlatScalar, "string" | "boolean" | "number">> = {
  [ScalarType.STRING]: "string",
  [ScalarType.BOOL]: "boolean",
  [ScalarType.INT32]: "number",
  [ScalarType.UINT32]: "number",
};

let shared = new BinaryWriter();

/**
 * A writer for a message of plain strings, booleans and 32-bit integers, as most small ones are; undefined for any other
 * type. It is protobuf-es's own, used again and again: `toBinary` makes one for each message, with a buffer outside of
 * V8's heap, which takes more time than all else that a small call needs.
 */
export function flatWriter(type: DescMessage): FlatWriter | undefined {
  const fields = flatFields(type)?.map(({ name, tag, scalar }) => {
    return { name, tag, kind: KINDS[scalar], write: WRITERS[scalar] };
  });
  if (fields === undefined) {
    return undefined;
  }
  return (message, headroom) => {
    if (message.$typeName !== type.typeName || message.$unknown !== undefined || headroom > MAX_HEADROOM) {
      return undefined;
    }
    const writer = shared;
    try {
      writer.raw(ZEROS[headroom] as Uint8Array); // within the array: above
      const values = message as unknown as Readonly<Record<string, never>>;
      for (const { name, tag, kind, write } of fields) {
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
