import type { DescField } from "@bufbuild/protobuf";
import { Edition, isWrapperDesc, FeatureSet_FieldPresence as Presence } from "@bufbuild/protobuf/wkt";

/** Whether a field that is not there is told from one with its default. A message is, also where it is `required`. */
export function hasExplicitPresence({ presence, fieldKind }: DescField): boolean {
  return presence === Presence.EXPLICIT || fieldKind === "message";
}

/** Whether protobuf-es keeps the default of such a field in the prototype, so that it seems to be there where it is not. */
export function hasDefaultInPrototype({ fieldKind, parent }: DescField): boolean {
  return parent.file.edition !== Edition.EDITION_PROTO3 && fieldKind !== "message";
}

/** Whether protobuf-es has a message's content in its place: a wrapper's scalar, a Struct's JSON. */
export function isFlattened({ fieldKind, message, oneof, parent }: DescField): boolean {
  if (message === undefined) {
    return false;
  }
  const isStruct = message.typeName === "google.protobuf.Struct" && parent?.typeName !== "google.protobuf.Value";
  return isStruct || (isWrapperDesc(message) && oneof === undefined && fieldKind === "message");
}
