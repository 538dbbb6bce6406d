import {
  create,
  type DescField,
  type DescMessage,
  type DescOneof,
  getOption,
  type Message,
  ScalarType,
} from "@bufbuild/protobuf";
import { FeatureSet_FieldPresence as Presence } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { isFlattened } from "../../tools/protoc-gen-portico/presence.ts";
import { DomainType, as as domainTypeOption } from "./gen/portico/types/v1/types_pb.js";

const DEPTH = 2;
const MAX_LENGTH = 2;

/** Messages of any type, whose marked fields hold what fits their domain types, in the form in which we write it. */
export function messagesOf(schema: DescMessage): fc.Arbitrary<Message> {
  return initsOf(schema, DEPTH).map((init) => create(schema, init));
}

function initsOf(schema: DescMessage, depth: number): fc.Arbitrary<Readonly<Record<string, unknown>>> {
  const members = schema.members.map((member) => [member.localName, memberOf(member, depth)] as const);
  return fc.record(Object.fromEntries(members));
}

function memberOf(member: DescField | DescOneof, depth: number): fc.Arbitrary<unknown> {
  if (member.kind === "oneof") {
    const fields = member.fields.filter((field) => depth > 0 || field.message === undefined);
    const cases = fields.map((field) =>
      fc.record({ case: fc.constant(field.localName), value: contentOf(field, depth) }),
    );
    return fc.oneof(fc.constant({ case: undefined }), ...cases);
  }
  const isTooDeep = depth === 0 && member.message !== undefined;
  switch (member.fieldKind) {
    case "list":
      return isTooDeep ? fc.constant([]) : fc.array(contentOf(member, depth), { maxLength: MAX_LENGTH });
    case "map":
      return isTooDeep
        ? fc.constant({})
        : fc
            .array(fc.tuple(keyOf(member.mapKey), contentOf(member, depth)), { maxLength: MAX_LENGTH })
            .map((entries) => Object.fromEntries(entries));
    default:
      if (member.presence !== Presence.EXPLICIT) {
        return contentOf(member, depth);
      }
      return isTooDeep ? fc.constant(undefined) : fc.option(contentOf(member, depth), { nil: undefined });
  }
}

/** What a field holds, or an element or a value of it. */
function contentOf(field: DescField, depth: number): fc.Arbitrary<unknown> {
  const marked = markedValue(field);
  if (marked !== undefined) {
    return marked;
  }
  if (field.enum !== undefined) {
    return fc.constantFrom(...field.enum.values.map(({ number }) => number));
  }
  if (field.message === undefined) {
    return scalarOf(field.scalar ?? ScalarType.STRING, "longAsString" in field && field.longAsString);
  }
  if (isFlattened(field)) {
    const [content] = field.message.fields;
    return content?.scalar === undefined
      ? fc.dictionary(text, fc.jsonValue({ maxDepth: 1 }), { maxKeys: MAX_LENGTH, noNullPrototype: true })
      : scalarOf(content.scalar, false);
  }
  return initsOf(field.message, Math.max(0, depth - 1));
}

const text = fc.string({ unit: "binary", maxLength: 8 });
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const hex = fc.constantFrom(..."0123456789abcdef");
const hexOf = (length: number) => fc.string({ unit: hex, minLength: length, maxLength: length });
// Times of the years 1 to 9999, in whole milliseconds.
const timestamp = fc.record({
  seconds: fc.bigInt({ min: -62_135_596_800n, max: 253_402_300_799n }),
  nanos: fc.integer({ min: 0, max: 999 }).map((milliseconds) => milliseconds * 1_000_000),
});
const decimal = fc.oneof(
  fc.constantFrom("NaN", "Infinity", "-Infinity", "-0", "0.00", "1E+3", "-1.5E-10"),
  fc.bigInt({ min: -(10n ** 34n) + 1n, max: 10n ** 34n - 1n }).map(String),
);

function markedValue(field: DescField): fc.Arbitrary<unknown> | undefined {
  const isText = field.scalar === ScalarType.STRING;
  switch (getOption(field, domainTypeOption)) {
    case DomainType.OBJECT_ID:
      return isText ? hexOf(24) : bytes(12);
    case DomainType.UUID:
      return isText
        ? hexOf(32).map((digits) => digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-"))
        : bytes(16);
    case DomainType.DATE:
      return timestamp;
    case DomainType.DECIMAL128:
      return decimal;
    default:
      return undefined;
  }
}

function scalarOf(scalar: ScalarType, isString: boolean): fc.Arbitrary<unknown> {
  switch (scalar) {
    case ScalarType.STRING:
      return text;
    case ScalarType.BYTES:
      return fc.uint8Array({ maxLength: 8 });
    case ScalarType.BOOL:
      return fc.boolean();
    // `equals` takes NaN for none other.
    case ScalarType.DOUBLE:
      return fc.double({ noNaN: true });
    case ScalarType.FLOAT:
      return fc.float({ noNaN: true });
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return uint32;
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return int32;
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return isString ? uint64.map(String) : uint64;
    default:
      return isString ? int64.map(String) : int64;
  }
}

function keyOf(scalar: ScalarType): fc.Arbitrary<string> {
  return scalar === ScalarType.STRING
    ? fc.oneof(text, fc.constantFrom("__proto__", "constructor"))
    : scalarOf(scalar, false).map(String);
}
