import type { DescEnum, DescMessage } from "@bufbuild/protobuf";
import { nestedTypes } from "@bufbuild/protobuf/reflect";
import type { GeneratedFile, Printable, Target } from "@bufbuild/protoplugin";
import type { DomainMessages } from "./domain-messages.ts";

/** What printing a file goes by. */
export interface Printing {
  readonly file: GeneratedFile;
  readonly target: Target;
  readonly domain: DomainMessages;
}

const RUNTIME = "portico/types";

/** Something that generated code takes from the library. */
export function runtime({ file }: Printing, name: string): Printable {
  return file.import(name, RUNTIME);
}

/** The same, for its type alone. */
export function runtimeType({ file }: Printing, name: string): Printable {
  return file.import(name, RUNTIME, true);
}

/** What `create` takes for a message. */
export function initShape({ file }: Printing, message: DescMessage): Printable {
  return [
    file.import("MessageInitShape", "@bufbuild/protobuf", true),
    "<typeof ",
    file.importSchema(message, true),
    ">",
  ];
}

/** A message's domain type, and the constant of the same name that converts it: called as protobuf-es calls the message. */
export function domainName(printing: Printing, message: DescMessage): Printable {
  return printing.file.import(ownDomainName(printing, message), domainFile(message));
}

/** What may be given for a message: its domain type, where what may be left out is left out. */
export function initName(printing: Printing, message: DescMessage): Printable {
  return printing.file.import(ownInitName(printing, message), domainFile(message), true);
}

/** {@link domainName}, where the file itself has it. */
export function ownDomainName({ file }: Printing, message: DescMessage): string {
  return file.importShape(message).name;
}

/** {@link initName}, where the file itself has it. */
export function ownInitName({ file }: Printing, message: DescMessage): string {
  const shapes = [...nestedTypes(message.file)].filter(
    (type): type is DescMessage | DescEnum => type.kind === "message" || type.kind === "enum",
  );
  const taken = new Set(shapes.map((type) => file.importShape(type).name));
  let name = `${file.importShape(message).name}Init`;
  while (taken.has(name)) {
    name += "$";
  }
  return name;
}

function domainFile({ file }: DescMessage): string {
  return `./${file.name}_domain.js`;
}

/** What code of a message calls something of its own, where a message that it converts has not this name already. */
export function variable({ file }: Printing, name: "message" | "value" | "oneof", { fields }: DescMessage): string {
  const isTaken = fields.some(({ message }) => message !== undefined && file.importShape(message).name === name);
  return isTaken ? `${name}$` : name;
}
