import { DomainValueError, kindOf } from "./domain-value-error.ts";
import { type FieldType, isPlain } from "./field-type.ts";
import { bytesOf } from "./hex.ts";

/** An ObjectId of any version of `bson`. */
export interface ObjectIdLike {
  /** `ObjectID` up to version 4. */
  readonly _bsontype: "ObjectId" | "ObjectID";
  toHexString(): string;
}

/** `ObjectId` of `bson`. */
export interface ObjectIdClass<T> {
  new (id: Uint8Array | string): T;
}

const BYTES = 12;
const HEX = /^[0-9a-f]{24}$/i;

/** ObjectIds in `bytes`: 12 of them. */
export function objectIdOfBytes<T>(ObjectId: ObjectIdClass<T>): FieldType<Uint8Array, T, ObjectIdLike> {
  return {
    fromWire(wire, field) {
      if (wire.length !== BYTES) {
        throw new DomainValueError(field, `must be ${BYTES} bytes, an ObjectId; it has ${wire.length}`);
      }
      return new ObjectId(wire);
    },
    toWire(value, field) {
      const { id } = known(value, field) as { readonly id?: unknown }; // its bytes, but in no version's documentation
      return id instanceof Uint8Array && id.length === BYTES ? id : bytesOf(hexIn(value, field));
    },
  };
}

/** ObjectIds in `string`: 24 hexadecimal digits, small letters where we write them. */
export function objectIdOfText<T>(ObjectId: ObjectIdClass<T>): FieldType<string, T, ObjectIdLike> {
  return {
    fromWire(wire, field) {
      if (!HEX.test(wire)) {
        throw new DomainValueError(field, `must be 24 hexadecimal digits, an ObjectId; ${lengthOf(wire)}`);
      }
      return new ObjectId(wire);
    },
    toWire: (value, field) => hexIn(known(value, field), field),
  };
}

function known(value: ObjectIdLike, field: string): ObjectIdLike {
  // Read here, as in other hot paths: one function for all kinds would see too many classes for V8 to make it fast.
  const type: unknown = value?._bsontype;
  if ((type !== "ObjectId" && type !== "ObjectID") || isPlain(value)) {
    throw new DomainValueError(field, `must be an ObjectId; it is ${kindOf(value)}`);
  }
  return value;
}

function hexIn(value: ObjectIdLike, field: string): string {
  const hex = value.toHexString();
  if (!HEX.test(hex)) {
    throw new DomainValueError(field, "must be an ObjectId of 12 bytes");
  }
  return hex;
}

function lengthOf(text: string): string {
  return text.length === 24 ? "it has other characters" : `it has ${text.length} characters`;
}
