import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { Edition, isWrapperDesc, FeatureSet_FieldPresence as Presence } from "@bufbuild/protobuf/wkt";

/** Whether a field that is not there is told from one with its default. */
export function hasExplicitPresence(field: DescField): boolean {
  return field.presence === Presence.EXPLICIT;
}

/** Whether protobuf-es keeps the defaults of such fields in the prototype, so that a field that is not there seems to be. */
export function hasPrototype({ file, fields }: DescMessage): boolean {
  return file.edition !== Edition.EDITION_PROTO3 && fields.some(hasExplicitPresence);
}

/** Whether protobuf-es has a message's content in its place: a wrapper's scalar, a Struct's JSON. */
export function isFlattened({ fieldKind, message, oneof, parent }: DescField): boolean {
  if (message === undefined) {
    return false;
  }
  const isStruct = message.typeName === "google.protobuf.Struct" && parent?.typeName !== "google.protobuf.Value";
  return isStruct || (isWrapperDesc(message) && oneof === undefined && fieldKind === "message");
}
