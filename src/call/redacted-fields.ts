import type { DescField, DescFile, DescMessage, JsonObject, Message, Registry } from "@bufbuild/protobuf";
import { isMessage, toJson } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";

// Fields marked `[debug_redact = true]` (descriptor.proto, FieldOptions) appear nowhere in the log.

function isRedacted(field: DescField): boolean {
  return field.proto.options?.debugRedact === true;
}

const holders = new WeakMap<DescMessage, boolean>();

/** Whether a message of this type can hold a redacted field, directly or below. */
function canHoldRedacted(type: DescMessage): boolean {
  const known = holders.get(type);
  if (known !== undefined) {
    return known;
  }
  holders.set(type, false); // for a type that holds itself
  const holds = type.fields.some(
    (field) => isRedacted(field) || (field.message !== undefined && canHoldRedacted(field.message)),
  );
  holders.set(type, holds);
  return holds;
}

/** The names of all redacted fields of a schema, as .proto files and as JSON spell them. */
export function redactedFieldNames(files: readonly DescFile[]): readonly string[] {
  const names = new Set<string>();
  const visit = (type: DescMessage) => {
    for (const field of type.fields.filter(isRedacted)) {
      names.add(field.name).add(field.jsonName);
    }
    type.nestedMessages.forEach(visit);
  };
  for (const file of files) {
    file.messages.forEach(visit);
  }
  return [...names];
}

/** The texts of a message's redacted fields, so that no log line quotes them. Costs nothing for types without any. */
export function redactedTexts(type: DescMessage, message: Message): readonly string[] {
  if (!canHoldRedacted(type)) {
    return [];
  }
  const texts: string[] = [];
  const collect = (value: unknown) => {
    if (typeof value === "string") {
      texts.push(value);
    } else if (typeof value === "object" && value !== null) {
      Object.values(value).forEach(collect);
    }
  };
  forEachMessage(type, message, (field, value) => {
    if (isRedacted(field)) {
      collect(value);
    }
  });
  return texts;
}

/** Visits every set field of a message and of the messages below that can hold redacted ones. */
function forEachMessage(type: DescMessage, message: Message, visit: (field: DescField, value: unknown) => void): void {
  const reflected = reflect(type, message);
  for (const field of type.fields.filter((candidate) => reflected.isSet(candidate))) {
    const value = rawValue(message, field);
    visit(field, value);
    if (!isRedacted(field) && field.message !== undefined && canHoldRedacted(field.message)) {
      const { message: below } = field;
      const messages = field.fieldKind === "message" ? [value] : Object.values(value as object); // a list or a map
      for (const one of messages) {
        if (isMessage(one, below)) {
          forEachMessage(below, one, visit);
        }
      }
    }
  }
}

/** A field's value in the message object itself; a oneof keeps its member's value in `value` (protobuf-es manual). */
function rawValue(message: Message, field: DescField): unknown {
  const properties = message as unknown as Readonly<Record<string, unknown>>;
  if (field.oneof === undefined) {
    return properties[field.localName];
  }
  return (properties[field.oneof.localName] as { readonly value?: unknown } | undefined)?.value;
}

/** A message as a log may show it: JSON without redacted fields, or its type's name where the schema is not known. */
export function loggableMessage(message: Message, registry: Registry): JsonObject | string {
  const type = registry.getMessage(message.$typeName);
  if (type === undefined) {
    return message.$typeName;
  }
  const json = toJson(type, message, { registry }) as JsonObject; // only well-known types have another form, and hold none
  return canHoldRedacted(type) ? withoutRedacted(type, json) : json;
}

function withoutRedacted(type: DescMessage, json: JsonObject): JsonObject {
  const shown: JsonObject = { ...json };
  for (const field of type.fields) {
    const value = shown[field.jsonName];
    if (value === undefined) {
      continue;
    }
    if (isRedacted(field)) {
      shown[field.jsonName] = "[redacted]";
    } else if (field.message !== undefined && canHoldRedacted(field.message)) {
      const { message: below } = field;
      const one = (item: unknown) => withoutRedacted(below, item as JsonObject); // a message's JSON is an object
      if (field.fieldKind === "message") {
        shown[field.jsonName] = one(value);
      } else if (Array.isArray(value)) {
        shown[field.jsonName] = value.map(one);
      } else {
        shown[field.jsonName] = Object.fromEntries(
          Object.entries(value as JsonObject).map(([key, item]) => [key, one(item)]),
        );
      }
    }
  }
  return shown;
}
