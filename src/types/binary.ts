import { DomainValueError, kindOf } from "./domain-value-error.ts";
import { bsonTypeOf, type FieldType, isPlain } from "./field-type.ts";
import { bytesOf, hexOf } from "./hex.ts";

/** A Binary of any version of `bson`. */
export interface BinaryLike {
  readonly _bsontype: "Binary";
  readonly sub_type: number;
  /** It may be longer than what it holds. */
  readonly buffer: Uint8Array;
  readonly position: number;
}

/** A UUID of any version of `bson`: a Binary of subtype 4, or a class of its own from 4.3 to 4.6. */
export type UuidLike = BinaryLike | { readonly _bsontype: "UUID"; readonly id: Uint8Array };

/** `Binary` of `bson`. */
export interface BinaryClass<T> {
  new (bytes: Uint8Array): T;
}

/** `UUID` of `bson`. */
export interface UuidClass<T> {
  new (id: Uint8Array): T;
}

const GENERIC_SUBTYPE = 0;
const UUID_SUBTYPE = 4;
const UUID_BYTES = 16;
const UUID_TEXT = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Binaries of subtype 0 in `bytes`. Plain Uint8Arrays are written as well: drivers may give either. */
export function binaryOfBytes<T>(Binary: BinaryClass<T>): FieldType<Uint8Array, T, BinaryLike | Uint8Array> {
  return {
    fromWire: (wire) => new Binary(wire),
    toWire(value, field) {
      if (value instanceof Uint8Array) {
        return value;
      }
      // Other subtypes mean something that the wire would not tell.
      if (bsonTypeOf(value) !== "Binary" || value.sub_type !== GENERIC_SUBTYPE) {
        throw new DomainValueError(field, `must be a Binary of subtype 0; it is ${kindOf(value)}`);
      }
      return contentOf(value);
    },
  };
}

/** UUIDs in `bytes`: 16 of them, in the order in which they are read. */
export function uuidOfBytes<T>(Uuid: UuidClass<T>): FieldType<Uint8Array, T, UuidLike> {
  return {
    fromWire(wire, field) {
      if (wire.length !== UUID_BYTES) {
        throw new DomainValueError(field, `must be ${UUID_BYTES} bytes, a UUID; it has ${wire.length}`);
      }
      return new Uuid(wire);
    },
    toWire: uuidBytes,
  };
}

/** UUIDs in `string`: 8-4-4-4-12 hexadecimal digits (RFC 9562, section 4), small letters where we write them. */
export function uuidOfText<T>(Uuid: UuidClass<T>): FieldType<string, T, UuidLike> {
  return {
    fromWire(wire, field) {
      if (!UUID_TEXT.test(wire)) {
        throw new DomainValueError(field, "must be a UUID of 8-4-4-4-12 hexadecimal digits");
      }
      return new Uuid(bytesOf(wire.replaceAll("-", "")));
    },
    toWire(value, field) {
      const hex = hexOf(uuidBytes(value, field));
      return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
    },
  };
}

function uuidBytes(value: UuidLike, field: string): Uint8Array {
  const type: unknown = value?._bsontype;
  const isUuid = type === "UUID" || (type === "Binary" && "sub_type" in value && value.sub_type === UUID_SUBTYPE);
  if (!isUuid || isPlain(value)) {
    throw new DomainValueError(field, `must be a UUID (a Binary of subtype 4); it is ${kindOf(value)}`);
  }
  const bytes = value._bsontype === "UUID" ? value.id : contentOf(value);
  if (bytes.length !== UUID_BYTES) {
    throw new DomainValueError(field, `must be a UUID of 16 bytes; it has ${bytes.length}`);
  }
  return bytes;
}

function contentOf({ buffer, position }: BinaryLike): Uint8Array {
  return position === buffer.length ? buffer : buffer.subarray(0, position);
}
