import { type DescField, type DescMessage, type DescOneof, ScalarType } from "@bufbuild/protobuf";
import { scalarTypeScriptType } from "@bufbuild/protobuf/codegenv2";
import { isWrapperDesc } from "@bufbuild/protobuf/wkt";
import type { Printable } from "@bufbuild/protoplugin";
import { hasExplicitPresence, isFlattened } from "./presence.ts";
import { domainName, initName, initShape, ownDomainName, ownInitName, type Printing, runtimeType } from "./printing.ts";

/** What comes out of a message, or what may be given for it. */
type Side = "read" | "write";

/** Prints a message's domain type, and what may be given for it. */
export function printTypes(printing: Printing, message: DescMessage): void {
  const { file } = printing;
  file.print(file.jsDoc(message));
  file.print(file.export("type", ownDomainName(printing, message)), " = {");
  printMembers(printing, message, "read");
  file.print("};");
  file.print();
  file.print(file.jsDoc(`What may be given for ${message.typeName}: fields that have a default may be left out.`));
  file.print(file.export("type", ownInitName(printing, message)), " = {");
  printMembers(printing, message, "write");
  file.print("};");
  file.print();
}

function printMembers(printing: Printing, message: DescMessage, side: Side): void {
  const { file } = printing;
  for (const member of message.members) {
    if (side === "read") {
      file.print(file.jsDoc(member, "  "));
    }
    if (member.kind === "oneof") {
      const nothing = side === "write" ? " | null | undefined" : "";
      file.print(
        "  ",
        member.localName,
        side === "write" ? "?" : "",
        ": ",
        oneofType(printing, member, side),
        nothing,
        ";",
      );
    } else {
      printField(printing, member, side);
    }
  }
}

function printField(printing: Printing, field: DescField, side: Side): void {
  const { file, domain } = printing;
  const { key, kind } = domain.fieldOf(field);
  const isOptional =
    side === "read"
      ? hasExplicitPresence(field)
      : hasExplicitPresence(field) || isList(field) || kind?.hasNoZero !== true;
  const nothing = side === "write" && isOptional ? " | null | undefined" : "";
  file.print("  ", key, isOptional ? "?" : "", ": ", fieldType(printing, field, side), nothing, ";");
}

function isList({ fieldKind }: DescField): boolean {
  return fieldKind === "list" || fieldKind === "map";
}

function oneofType(printing: Printing, oneof: DescOneof, side: Side): Printable {
  const { file } = printing;
  const cases = oneof.fields.map((field) => [
    "{ case: ",
    file.string(field.localName),
    "; value: ",
    valueType(printing, field, side),
    " } | ",
  ]);
  return [...cases, "{ case: undefined; value?: undefined }"];
}

function fieldType(printing: Printing, field: DescField, side: Side): Printable {
  const value = valueType(printing, field, side);
  const readonly = side === "write" ? "readonly " : "";
  switch (field.fieldKind) {
    case "list":
      return [readonly, isUnion(printing, field, side) ? ["(", value, ")"] : value, "[]"];
    case "map":
      return ["{ ", readonly, "[key: ", isNumber(field.mapKey) ? "number" : "string", "]: ", value, " }"];
    default:
      return value;
  }
}

function isUnion({ domain }: Printing, field: DescField, side: Side): boolean {
  const { kind } = domain.fieldOf(field);
  return side === "write" && kind !== undefined && kind.write.length > 1;
}

function isNumber(key: ScalarType): boolean {
  return [ScalarType.INT32, ScalarType.FIXED32, ScalarType.UINT32, ScalarType.SFIXED32, ScalarType.SINT32].includes(
    key,
  );
}

/** The type of a field's value, or of each of its elements or values. */
function valueType(printing: Printing, field: DescField, side: Side): Printable {
  const { file, domain } = printing;
  const { kind } = domain.fieldOf(field);
  if (kind !== undefined) {
    return side === "read"
      ? readType(printing, kind.read)
      : kind.write.map((name, at) => [
          at === 0 ? "" : " | ",
          name.endsWith("Like") ? runtimeType(printing, name) : globalType(name),
        ]);
  }
  if (field.message !== undefined) {
    return messageType(printing, field, field.message, side);
  }
  if (field.enum !== undefined) {
    return file.importShape(field.enum);
  }
  const longAsString = "longAsString" in field && field.longAsString;
  return scalarTypeScriptType(field.scalar ?? ScalarType.STRING, longAsString);
}

function messageType(printing: Printing, field: DescField, message: DescMessage, side: Side): Printable {
  const { file, domain } = printing;
  if (domain.has(message)) {
    return side === "read" ? domainName(printing, message) : initName(printing, message);
  }
  if (isFlattened(field)) {
    const [value] = message.fields;
    return isWrapperDesc(message) && value?.scalar !== undefined
      ? scalarTypeScriptType(value.scalar, false)
      : file.runtime.JsonObject;
  }
  return side === "read" ? file.importShape(message) : initShape(printing, message);
}

function readType({ file }: Printing, name: string): Printable {
  return name === "Date" ? globalType(name) : file.import(name, "bson", true);
}

/** A type that is everywhere: a message of its name is not meant. */
function globalType(name: string): string {
  return name === "Date" || name === "Uint8Array" ? `globalThis.${name}` : name;
}
