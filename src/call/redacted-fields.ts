import type { DescField, DescFile, DescMessage, JsonObject, JsonValue, Message, Registry } from "@bufbuild/protobuf";
import { isMessage, toJson } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { AnySchema, type Timestamp, TimestampSchema, timestampDate } from "@bufbuild/protobuf/wkt";

// Fields marked `[debug_redact = true]` (descriptor.proto, FieldOptions) appear nowhere in the log.

/** What holds more bytes is no id. */
const MAX_HEX_BYTES = 64;

function isRedacted(field: DescField): boolean {
  return field.proto.options?.debugRedact === true;
}

const holders = new WeakMap<DescMessage, boolean>();

/** Whether a message of this type can hold a redacted field, directly or below; an Any can hold every message. */
function canHoldRedacted(type: DescMessage): boolean {
  const known = holders.get(type);
  if (known !== undefined) {
    return known;
  }
  const types = new Set([type]);
  let holds = false;
  for (const each of types) {
    holds ||= isAny(each) || each.fields.some(isRedacted);
    for (const { message } of each.fields) {
      if (message !== undefined) {
        types.add(message); // a Set's iteration goes on to what is added in it, and takes a type that holds itself once
      }
    }
  }
  holders.set(type, holds);
  return holds;
}

function isAny(type: DescMessage): boolean {
  return type.typeName === AnySchema.typeName;
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

/**
 * The texts of a message's redacted fields, as a log line would quote them, so that none does. Costs nothing for types
 * without any. What is packed in an Any is not looked into.
 */
export function redactedTexts(type: DescMessage, message: Message): readonly string[] {
  if (!canHoldRedacted(type)) {
    return [];
  }
  const texts: string[] = [];
  forEachMessage(type, message, (field, value) => {
    if (isRedacted(field)) {
      for (const text of textsOfField(field, value)) {
        texts.push(text); // one by one: a message may hold more than a call takes arguments
      }
    }
  });
  return texts;
}

function textsOfField(field: DescField, value: unknown): readonly string[] {
  const { message: below } = field;
  const textsOf = (item: unknown) =>
    below !== undefined && isMessage(item, below) ? textsOfMessage(below, item) : textsOfPlain(item);
  switch (field.fieldKind) {
    case "list":
      return Object.values(value as object).flatMap(textsOf); // a list field holds an array
    case "map":
      return Object.entries(value as object).flatMap(([key, item]) => [key, ...textsOf(item)]); // a map field holds a record
    default:
      return textsOf(value);
  }
}

function textsOfMessage(type: DescMessage, message: Message): readonly string[] {
  if (isMessage(message, TimestampSchema)) {
    return [String(message.seconds), ...isoTexts(message)];
  }
  const reflected = reflect(type, message);
  return type.fields
    .filter((field) => reflected.isSet(field))
    .flatMap((field) => textsOfField(field, rawValue(message, field)));
}

/** As a Date shows itself, and as its JSON is. */
function isoTexts(timestamp: Timestamp): readonly string[] {
  const date = timestampDate(timestamp);
  return Number.isNaN(date.getTime()) ? [] : [date.toISOString(), date.toISOString().replace(/\.\d+Z$/, "")];
}

/** Of scalars, and of the JSON that protobuf-es puts in the place of a `google.protobuf.Struct`. */
function textsOfPlain(value: unknown): readonly string[] {
  switch (typeof value) {
    case "string":
      return [value];
    case "number":
    case "bigint":
      return [String(value)];
    case "object":
      if (value instanceof Uint8Array) {
        return textsOfBytes(value);
      }
      return value === null ? [] : Object.entries(value).flatMap(([key, item]) => [key, ...textsOfPlain(item)]);
    default:
      return [];
  }
}

/** Bytes as their JSON is, and few of them also as ObjectIds and UUIDs show themselves. */
function textsOfBytes({ buffer, byteOffset, byteLength }: Uint8Array): readonly string[] {
  const bytes = Buffer.from(buffer, byteOffset, byteLength);
  const base64 = bytes.toString("base64");
  if (byteLength > MAX_HEX_BYTES) {
    return [base64];
  }
  const hex = bytes.toString("hex");
  return byteLength === 16 ? [base64, hex, hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-")] : [base64, hex];
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

/** A message as a log may show it: JSON without redacted fields, or its type's name where it has no JSON that is known. */
export function loggableMessage(message: Message, registry: Registry): JsonObject | string {
  const type = registry.getMessage(message.$typeName);
  if (type === undefined) {
    return message.$typeName;
  }
  let json: JsonValue;
  try {
    json = toJson(type, message, { registry });
  } catch {
    return message.$typeName; // a Timestamp out of range, an Any of an unknown type: no reason for a call to fail
  }
  // Only well-known types have another form, and hold none.
  return isObject(json) ? withoutRedacted(type, json, registry) : message.$typeName;
}

function isObject(json: JsonValue | undefined): json is JsonObject {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

function withoutRedacted(type: DescMessage, json: JsonObject, registry: Registry): JsonObject {
  if (isAny(type)) {
    return packedWithoutRedacted(json, registry);
  }
  if (!canHoldRedacted(type)) {
    return json;
  }
  const shown: JsonObject = { ...json };
  for (const field of type.fields) {
    const value = shown[field.jsonName];
    const { message: below } = field;
    if (value === undefined) {
      continue;
    }
    if (isRedacted(field)) {
      shown[field.jsonName] = "[redacted]";
    } else if (below !== undefined) {
      const one = (item: JsonValue) => (isObject(item) ? withoutRedacted(below, item, registry) : item);
      shown[field.jsonName] = Array.isArray(value)
        ? value.map(one)
        : field.fieldKind === "map" && isObject(value)
          ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, one(item)]))
          : one(value);
    }
  }
  return shown;
}

/** An Any's JSON: the fields of the message that it holds, beside `@type`; those of well-known types in `value`. */
function packedWithoutRedacted(json: JsonObject, registry: Registry): JsonObject {
  const typeUrl = String(json["@type"]);
  const type = registry.getMessage(typeUrl.slice(typeUrl.lastIndexOf("/") + 1));
  if (type === undefined) {
    return json; // empty: toJson has no other JSON of a type that it does not know
  }
  const { value } = json;
  return isAny(type) && isObject(value)
    ? { ...json, value: packedWithoutRedacted(value, registry) }
    : withoutRedacted(type, json, registry);
}
