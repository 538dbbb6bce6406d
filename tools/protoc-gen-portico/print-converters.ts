import type { DescField, DescMessage, DescOneof } from "@bufbuild/protobuf";
import type { Printable } from "@bufbuild/protoplugin";
import type { FieldKind } from "./domain-fields.ts";
import { hasDefaultInPrototype, hasExplicitPresence } from "./presence.ts";
import {
  domainName,
  initName,
  initShape,
  ownDomainName,
  type Printing,
  runtime,
  runtimeType,
  variable,
} from "./printing.ts";

/** Prints the constant that converts a message to its domain type, and back. */
export function printConverters(printing: Printing, message: DescMessage): void {
  const { file, target } = printing;
  const name = ownDomainName(printing, message);
  const shape = file.importShape(message);
  const type = [runtimeType(printing, "MessageType"), "<", shape, ", ", name, ", ", initName(printing, message), ">"];
  file.print(file.jsDoc(`Converts ${message.typeName} to its domain type, and back.`));
  if (target === "dts") {
    file.print(file.export("declare const", name), ": ", type, ";");
    file.print();
    return;
  }
  file.print(file.export("const", name), typed(printing, type), " = {");
  printFromMessage(printing, message);
  printToMessage(printing, message);
  file.print("};");
  file.print();
  for (const oneof of message.oneofs.filter((oneof) => isConverted(printing, oneof))) {
    printOneof(printing, oneof, "fromMessage");
    printOneof(printing, oneof, "toMessage");
  }
}

function printFromMessage(printing: Printing, message: DescMessage): void {
  const { file, domain } = printing;
  const given = variable(printing, "message", message);
  const value = variable(printing, "value", message);
  const isLater = (member: DescField | DescOneof) => member.kind === "field" && hasExplicitPresence(member);
  file.print("  fromMessage(", given, ") {");
  file.print("    const ", value, typed(printing, domainName(printing, message)), " = {");
  for (const member of message.members.filter((member) => !isLater(member))) {
    const access = [given, ".", member.localName];
    const converted =
      member.kind === "oneof"
        ? oneofCode(printing, member, "fromMessage", access)
        : fieldCode(printing, member, "fromMessage", access);
    file.print("      ", member.kind === "oneof" ? member.localName : domain.fieldOf(member).key, ": ", converted, ",");
  }
  file.print("    };");
  // What is not there has no property: a database would take `undefined` for a value.
  for (const field of message.fields.filter((field) => field.oneof === undefined && isLater(field))) {
    const access = [given, ".", field.localName];
    const isOwn = ["Object.hasOwn(", given, ", ", file.string(field.localName), ")"];
    file.print("    if (", access, " !== undefined", hasDefaultInPrototype(field) ? [" && ", isOwn] : "", ") {");
    const converted = fieldCode(printing, field, "fromMessage", access);
    file.print("      ", value, ".", domain.fieldOf(field).key, " = ", converted, ";");
    file.print("    }");
  }
  file.print("    return ", value, ";");
  file.print("  },");
}

function printToMessage(printing: Printing, message: DescMessage): void {
  const { file, target, domain } = printing;
  const value = variable(printing, "value", message);
  file.print("  toMessage(", value, ") {");
  file.print("    ", runtime(printing, "assertObject"), "(", value, ");");
  file.print("    return ", file.runtime.create, "(", file.importSchema(message), ", {");
  for (const member of message.members) {
    const given =
      member.kind === "oneof"
        ? oneofCode(printing, member, "toMessage", [value, ".", member.localName])
        : givenFieldCode(printing, member, [value, ".", domain.fieldOf(member).key]);
    file.print("      ", member.localName, ": ", given, ",");
  }
  // `null` is left out as `undefined` is, which the type of an initial value does not say.
  file.print("    }", target === "ts" ? [" as ", initShape(printing, message)] : "", ");");
  file.print("  },");
}

type Direction = "fromMessage" | "toMessage";

/** Code for what is given of a field: nothing where nothing is, unless it has to be there. */
function givenFieldCode(printing: Printing, field: DescField, access: Printable): Printable {
  const code = fieldCode(printing, field, "toMessage", access);
  const { kind } = printing.domain.fieldOf(field);
  const hasToBe = kind?.hasNoZero === true && field.fieldKind === "scalar" && !hasExplicitPresence(field);
  return hasToBe || converterOf(printing, field, "toMessage") === undefined
    ? code
    : [access, " == null ? undefined : ", code];
}

/** Code that converts what a field holds. */
function fieldCode(printing: Printing, field: DescField, direction: Direction, access: Printable): Printable {
  const convert = converterOf(printing, field, direction);
  if (convert === undefined) {
    return access;
  }
  const name = printing.file.string(field.name);
  switch (field.fieldKind) {
    case "list":
      return [runtime(printing, "each"), "(", convert, ", ", access, ", ", name, ")"];
    case "map":
      return [runtime(printing, "eachValue"), "(", convert, ", ", access, ", ", name, ")"];
    default:
      return valueCode(printing, field, convert, access);
  }
}

/** Code that converts a single value. */
function valueCode(printing: Printing, field: DescField, convert: Printable, access: Printable): Printable {
  const name = printing.file.string(field.name);
  return printing.domain.fieldOf(field).kind === undefined
    ? [runtime(printing, "inField"), "(", convert, ", ", access, ", ", name, ")"]
    : [convert, "(", access, ", ", name, ")"];
}

/** What converts a field's value, or each of its elements or values; undefined where it stays as it is. */
function converterOf(printing: Printing, field: DescField, direction: Direction): Printable | undefined {
  const { domain } = printing;
  const { kind } = domain.fieldOf(field);
  if (kind !== undefined) {
    return [makerName(printing, kind), direction === "fromMessage" ? ".fromWire" : ".toWire"];
  }
  return field.message !== undefined && domain.has(field.message)
    ? [domainName(printing, field.message), ".", direction]
    : undefined;
}

function isConverted(printing: Printing, oneof: DescOneof): boolean {
  return oneof.fields.some((field) => converterOf(printing, field, "toMessage") !== undefined);
}

function oneofCode(printing: Printing, oneof: DescOneof, direction: Direction, access: Printable): Printable {
  return isConverted(printing, oneof) ? [oneofName(printing, oneof, direction), "(", access, ")"] : access;
}

/** `$` is in no name of a schema. */
function oneofName(printing: Printing, { parent, localName }: DescOneof, direction: Direction): string {
  return `${ownDomainName(printing, parent)}$${localName}$${direction}`;
}

function printOneof(printing: Printing, oneof: DescOneof, direction: Direction): void {
  const { file, target } = printing;
  const { parent } = oneof;
  const given = variable(printing, "oneof", parent);
  const member = ["[", file.string(oneof.localName), "]"];
  const message = [file.importShape(parent), member];
  const [from, to] =
    direction === "fromMessage"
      ? [message, [domainName(printing, parent), member]]
      : [[initName(printing, parent), member], message];
  const name = oneofName(printing, oneof, direction);
  file.print("function ", name, "(", given, typed(printing, from), ")", typed(printing, to), " {");
  file.print("  switch (", given, "?.case) {");
  for (const field of oneof.fields) {
    const convert = converterOf(printing, field, direction);
    if (convert !== undefined) {
      const chosen = file.string(field.localName);
      const converted = valueCode(printing, field, convert, [given, ".value"]);
      file.print("    case ", chosen, ":");
      file.print("      return { case: ", chosen, ", value: ", converted, " };");
    }
  }
  file.print("    default:");
  // `create` makes messages of what is given for the others.
  file.print("      return ", given, target === "ts" ? [" as ", to] : "", ";");
  file.print("  }");
  file.print("}");
  file.print();
}

/** The constant that a kind of field is converted by: made once in a file. */
function makerName(printing: Printing, kind: FieldKind): Printable {
  return kind.bsonClass === undefined ? runtime(printing, kind.maker) : `$${kind.maker}`;
}

/** Prints the constants that fields of messages are converted by. */
export function printMakers(printing: Printing, messages: readonly DescMessage[]): void {
  const { file, domain } = printing;
  const kinds = new Set(messages.flatMap(({ fields }) => fields.flatMap((field) => domain.fieldOf(field).kind ?? [])));
  for (const kind of kinds) {
    if (kind.bsonClass !== undefined) {
      const made = [runtime(printing, kind.maker), "(", file.import(kind.bsonClass, "bson"), ")"];
      file.print("const $", kind.maker, " = /*@__PURE__*/ ", made, ";");
    }
  }
  file.print();
}

function typed({ target }: Printing, type: Printable): Printable {
  return target === "ts" ? [": ", type] : "";
}
