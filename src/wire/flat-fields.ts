import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { WireType } from "@bufbuild/protobuf/wire";

/** The scalar types that are written and read without protobuf's own codec. */
export type FlatScalar = ScalarType.STRING | ScalarType.BOOL | ScalarType.INT32 | ScalarType.UINT32;

/** A field of a message that has nothing but plain strings, booleans and 32-bit integers. */
export interface FlatField {
  /** As a property of its message. */
  readonly name: string;
  readonly protoName: string;
  readonly jsonName: string;
  /** Number and wire type (protobuf.dev, "Encoding"). */
  readonly tag: number;
  readonly scalar: FlatScalar;
  /** A string has to be valid UTF-8. */
  readonly isStrict: boolean;
}

/** FieldPresence.IMPLICIT (descriptor.proto). */
const IMPLICIT = 2;

/** The fields of a message of nothing else, by their numbers, as most small ones are; undefined for any other type. */
export function flatFields(type: DescMessage): readonly FlatField[] | undefined {
  const fields = [...type.fields].sort((a, b) => a.number - b.number).map(flatField);
  return fields.every((field) => field !== undefined) ? fields : undefined;
}

function flatField(field: DescField): FlatField | undefined {
  if (field.fieldKind !== "scalar" || field.oneof !== undefined || field.presence !== IMPLICIT) {
    return undefined;
  }
  const { localName: name, name: protoName, jsonName, number, scalar, utf8Validation: isStrict } = field;
  if (!isFlat(scalar)) {
    return undefined;
  }
  const wireType = scalar === ScalarType.STRING ? WireType.LengthDelimited : WireType.Varint;
  return { name, protoName, jsonName, tag: ((number << 3) | wireType) >>> 0, scalar, isStrict };
}

function isFlat(scalar: ScalarType): scalar is FlatScalar {
  const { STRING, BOOL, INT32, UINT32 } = ScalarType;
  return scalar === STRING || scalar === BOOL || scalar === INT32 || scalar === UINT32;
}
