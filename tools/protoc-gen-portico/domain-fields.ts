import { type DescExtension, type DescField, getOption, hasOption, ScalarType } from "@bufbuild/protobuf";
import type { Schema } from "@bufbuild/protoplugin";

/** The options of `portico/types/v1/types.proto`, as the schema that is generated has them. */
export interface DomainOptions {
  readonly as: DescExtension;
  readonly nanoseconds: DescExtension;
  readonly key: DescExtension;
}

/** What makes a field's values: a name that `portico/types` exports, and the class of `bson` that it is given. */
export interface FieldKind {
  readonly maker: string;
  readonly bsonClass?: string;
  /** In types: what is read, and what may be written. */
  readonly read: string;
  readonly write: readonly string[];
  /** An empty value on the wire is none of the domain type: where the field is not `optional`, it has to be given. */
  readonly hasNoZero: boolean;
}

const OBJECT_ID = { bsonClass: "ObjectId", read: "ObjectId", write: ["ObjectIdLike"], hasNoZero: true };
const UUID = { bsonClass: "UUID", read: "UUID", write: ["UuidLike"], hasNoZero: true };
const DATE = { read: "Date", write: ["Date"], hasNoZero: false };

const KINDS = {
  objectIdOfBytes: { maker: "objectIdOfBytes", ...OBJECT_ID },
  objectIdOfText: { maker: "objectIdOfText", ...OBJECT_ID },
  dateOfTimestamp: { maker: "dateOfTimestamp", ...DATE },
  dateDroppingNanoseconds: { maker: "dateDroppingNanoseconds", ...DATE },
  decimal128OfText: {
    maker: "decimal128OfText",
    bsonClass: "Decimal128",
    read: "Decimal128",
    write: ["Decimal128Like"],
    hasNoZero: true,
  },
  uuidOfBytes: { maker: "uuidOfBytes", ...UUID },
  uuidOfText: { maker: "uuidOfText", ...UUID },
  longOfInt64: {
    maker: "longOfInt64",
    bsonClass: "Long",
    read: "Long",
    write: ["LongLike", "bigint", "number"],
    hasNoZero: false,
  },
  binaryOfBytes: {
    maker: "binaryOfBytes",
    bsonClass: "Binary",
    read: "Binary",
    write: ["BinaryLike", "Uint8Array"],
    hasNoZero: false,
  },
} as const satisfies Readonly<Record<string, FieldKind>>;

const TIMESTAMP = "google.protobuf.Timestamp";

/** What each domain type may be declared as, by the name of what a field is declared as. */
const DECLARATIONS: Readonly<Record<string, Readonly<Record<string, FieldKind>>>> = {
  OBJECT_ID: { bytes: KINDS.objectIdOfBytes, string: KINDS.objectIdOfText },
  DATE: { [TIMESTAMP]: KINDS.dateOfTimestamp },
  DECIMAL128: { string: KINDS.decimal128OfText },
  UUID: { bytes: KINDS.uuidOfBytes, string: KINDS.uuidOfText },
  LONG: { int64: KINDS.longOfInt64, sint64: KINDS.longOfInt64, sfixed64: KINDS.longOfInt64 },
  BINARY: { bytes: KINDS.binaryOfBytes },
};

/** The options, where the schema has them. */
export function findOptions(schema: Schema): DomainOptions | undefined {
  const extensions = new Map(
    schema.allFiles.flatMap((file) => file.extensions).map((extension) => [extension.typeName, extension]),
  );
  const as = extensions.get("portico.types.v1.as");
  const nanoseconds = extensions.get("portico.types.v1.nanoseconds");
  const key = extensions.get("portico.types.v1.key");
  return as && nanoseconds && key && { as, nanoseconds, key };
}

/** What a field's options make of it. */
export interface DomainField {
  /** Undefined where it stays what it is declared as. */
  readonly kind: FieldKind | undefined;
  /** Its key in the domain type. */
  readonly key: string;
  /** It has an option of ours. */
  readonly isMarked: boolean;
  /** What is wrong with its options, and the option. */
  readonly problems: readonly (readonly [option: DescExtension, problem: string])[];
}

export function domainField(field: DescField, options: DomainOptions): DomainField {
  const problems: (readonly [DescExtension, string])[] = [];
  const kind = kindOf(field, options, (option, problem) => problems.push([option, problem]));
  const isNamed = hasOption(field, options.key);
  // An option is of the type that its extension says: here `string`.
  const key = isNamed ? (getOption(field, options.key) as string) : field.localName;
  if (isNamed && !/^[\p{ID_Start}_][\p{ID_Continue}]*$/u.test(key)) {
    problems.push([options.key, `key = ${JSON.stringify(key)} is no name: letters, digits and "_" are allowed`]);
  }
  // What is left out would seem to be there.
  if (isNamed && key in Object.prototype) {
    problems.push([options.key, `key = ${JSON.stringify(key)} is a property of every object in JavaScript`]);
  }
  if (isNamed && field.oneof !== undefined) {
    problems.push([
      options.key,
      `a field of a oneof has no key of its own: it is the value of ${field.oneof.localName}`,
    ]);
  }
  return { kind, key, isMarked: kind !== undefined || isNamed || problems.length > 0, problems };
}

function kindOf(
  field: DescField,
  { as, nanoseconds }: DomainOptions,
  complain: (option: DescExtension, problem: string) => void,
): FieldKind | undefined {
  const name = nameOf(as, hasOption(field, as) ? getOption(field, as) : 0);
  const dropsNanoseconds =
    hasOption(field, nanoseconds) && nameOf(nanoseconds, getOption(field, nanoseconds)) === "DROP";
  if (hasOption(field, nanoseconds) && name !== "DATE") {
    complain(nanoseconds, "nanoseconds is for fields with as = DATE");
  }
  if (name === "DOMAIN_TYPE_UNSPECIFIED") {
    return undefined;
  }
  const declarations = DECLARATIONS[name];
  if (declarations === undefined) {
    complain(as, `as = ${name} is none that this version of protoc-gen-portico knows`);
    return undefined;
  }
  const declared = declaredAs(field);
  const kind = declarations[declared];
  if (kind === undefined) {
    const allowed = Object.keys(declarations)
      .join(", ")
      .replace(/, (?=[^,]*$)/, " or ");
    complain(as, `as = ${name} is for ${allowed}; this field is ${declared}`);
  } else if (field.fieldKind !== "map" && "longAsString" in field && field.longAsString) {
    complain(as, `as = ${name} and jstype = JS_STRING contradict each other`);
  }
  return dropsNanoseconds && kind === KINDS.dateOfTimestamp ? KINDS.dateDroppingNanoseconds : kind;
}

/** The name of an option's value. A schema newer than this plugin may have values that it does not know. */
function nameOf(option: DescExtension, value: unknown): string {
  const found = option.fieldKind === "enum" ? option.enum.values.find(({ number }) => number === value) : undefined;
  return found?.name ?? String(value);
}

/** What a field, or each of its elements or values, is declared as. */
function declaredAs(field: DescField): string {
  const type = field.message ?? field.enum;
  if (type !== undefined) {
    // Without a package, it may be called as a scalar type is; protobuf's own name for it begins with a dot.
    return type.typeName.includes(".") ? type.typeName : `.${type.typeName}`;
  }
  return ScalarType[field.scalar ?? 0]?.toLowerCase() ?? "unknown";
}
