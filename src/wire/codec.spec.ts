import {
  create,
  createFileRegistry,
  type DescField,
  type DescMessage,
  type DescMethod,
  fromBinary,
  type Message,
  ScalarType,
  toBinary,
  toJsonString,
} from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import {
  AnySchema,
  BytesValueSchema,
  DurationSchema,
  FileDescriptorSetSchema,
  FieldDescriptorProto_Type as Kind,
  FieldDescriptorProto_Label as Label,
  SourceCodeInfoSchema,
  StringValueSchema,
  StructSchema,
} from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Codec, type CodecOptions, methodCodecs } from "./codec.ts";

const { OPTIONAL: ONE, REPEATED: MANY } = Label;

/** Types that hold bytes in every way in which a type can, and types that hold none. */
const OWN_TYPES = ownTypes();
const FlatSchema = ownType("Flat");
const OuterSchema = ownType("Outer");
const TYPES: readonly DescMessage[] = [
  ...OWN_TYPES.values(),
  AnySchema,
  BytesValueSchema,
  DurationSchema,
  SourceCodeInfoSchema,
  StringValueSchema,
  StructSchema,
];

function ownType(name: string): DescMessage {
  const type = OWN_TYPES.get(name);
  if (type === undefined) throw new Error(`there is no ${name}`);
  return type;
}

function ownTypes(): ReadonlyMap<string, DescMessage> {
  const field = (number: number, label: Label, type: Kind, more: object = {}) => ({
    name: `field_${number}`,
    jsonName: `field${number}`,
    number,
    label,
    type,
    ...more,
  });
  const message = (number: number, label: Label, typeName: string, more: object = {}) =>
    field(number, label, Kind.MESSAGE, { typeName, ...more });
  const mapEntry = (name: string, value: object) => ({
    name,
    options: { mapEntry: true },
    field: [
      { ...field(1, ONE, Kind.STRING), name: "key", jsonName: "key" },
      { ...value, name: "value", jsonName: "value" },
    ],
  });
  const file = {
    name: "test.proto",
    syntax: "proto3",
    messageType: [
      {
        name: "Flat",
        field: [
          field(1, ONE, Kind.STRING),
          field(2, ONE, Kind.BOOL),
          field(3, ONE, Kind.INT32),
          field(4, ONE, Kind.UINT32),
        ],
      },
      { name: "Outer", field: [message(1, ONE, ".Flat"), message(2, MANY, ".Flat"), message(3, ONE, ".Outer")] },
      {
        name: "Holder",
        oneofDecl: [{ name: "choice" }],
        nestedType: [
          mapEntry("Field3Entry", field(2, ONE, Kind.BYTES)),
          mapEntry("Field4Entry", message(2, ONE, ".Holder")),
        ],
        field: [
          field(1, ONE, Kind.BYTES),
          field(2, MANY, Kind.BYTES),
          message(3, MANY, ".Holder.Field3Entry"),
          message(4, MANY, ".Holder.Field4Entry"),
          field(5, ONE, Kind.BYTES, { oneofIndex: 0 }),
          message(6, ONE, ".Holder", { oneofIndex: 0 }),
          message(7, MANY, ".Holder"),
          message(8, ONE, ".Flat"),
        ],
      },
      {
        name: "InMap",
        nestedType: [mapEntry("Field1Entry", field(2, ONE, Kind.BYTES))],
        field: [message(1, MANY, ".InMap.Field1Entry")],
      },
      { name: "InList", field: [field(1, MANY, Kind.BYTES)] },
      { name: "InOneof", oneofDecl: [{ name: "choice" }], field: [field(1, ONE, Kind.BYTES, { oneofIndex: 0 })] },
      {
        name: "Numbers",
        field: [field(1, MANY, Kind.SINT32), field(2, ONE, Kind.DOUBLE), field(3, ONE, Kind.FIXED64)],
      },
    ],
  };
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: [file] }));
  return new Map(file.messageType.map(({ name }) => [name, registry.getMessage(name) as DescMessage])); // it has them all
}

function codecOf(type: DescMessage, format: "binary" | "json" = "binary", options: Partial<CodecOptions> = {}): Codec {
  const method = { input: type, output: type } as DescMethod; // nothing else is looked at
  return methodCodecs(method, format, { readMaxBytes: 1_000_000, writeMaxBytes: 1_000_000, ...options }).input;
}

// Random messages as they are on the wire, by their types: with fields twice, and in any order, and with unknown ones.

type Write = (writer: BinaryWriter) => BinaryWriter;
const small = fc.uint8Array({ maxLength: 12 });

const SCALARS: Partial<Record<ScalarType, (number: number) => fc.Arbitrary<Write>>> = {
  [ScalarType.STRING]: (number) =>
    fc.string({ maxLength: 8 }).map((text) => (writer) => writer.tag(number, WireType.LengthDelimited).string(text)),
  [ScalarType.BYTES]: (number) =>
    small.map((bytes) => (writer) => writer.tag(number, WireType.LengthDelimited).bytes(bytes)),
  [ScalarType.DOUBLE]: (number) =>
    fc.double().map((value) => (writer) => writer.tag(number, WireType.Bit64).double(value)),
  [ScalarType.FIXED64]: (number) =>
    fc
      .bigInt({ min: 0n, max: 2n ** 64n - 1n })
      .map((value) => (writer) => writer.tag(number, WireType.Bit64).fixed64(value)),
};

function varint(number: number): fc.Arbitrary<Write> {
  return fc.nat(3).map((value) => (writer) => writer.tag(number, WireType.Varint).uint32(value));
}

/** A field that no type here has. */
const unknown: fc.Arbitrary<Write> = small.map(
  (bytes) => (writer) => writer.tag(5000, WireType.LengthDelimited).bytes(bytes),
);

function fieldOf(field: DescField, depth: number): fc.Arbitrary<Write> {
  const { number, message } = field;
  if (field.fieldKind === "map") {
    const key = scalarOf(field.mapKey, 1);
    const value = message === undefined ? scalarOf(field.scalar, 2) : nested(2, message, depth);
    return fc.tuple(key, value).map(
      ([writeKey, writeValue]) =>
        (writer) =>
          writeValue(writeKey(writer.tag(number, WireType.LengthDelimited).fork())).join(),
    );
  }
  return message === undefined ? scalarOf(field.scalar, number) : nested(number, message, depth);
}

function scalarOf(scalar: ScalarType | undefined, number: number): fc.Arbitrary<Write> {
  return ((scalar === undefined ? undefined : SCALARS[scalar]) ?? varint)(number);
}

function nested(number: number, type: DescMessage, depth: number): fc.Arbitrary<Write> {
  return messageOf(type, depth - 1).map(
    (write) => (writer) => write(writer.tag(number, WireType.LengthDelimited).fork()).join(),
  );
}

function messageOf(type: DescMessage, depth: number): fc.Arbitrary<Write> {
  const fields = depth === 0 ? [unknown] : [unknown, ...type.fields.map((field) => fieldOf(field, depth))];
  return fc
    .array(fc.oneof(...fields), { maxLength: 5 })
    .map((writes) => (writer) => writes.reduce((written, write) => write(written), writer));
}

const cases = TYPES.map((type) => ({
  type,
  name: type.typeName,
  wire: messageOf(type, 3).map((write) => write(new BinaryWriter()).finish()),
}));

describe.each(cases)("$name", ({ type, wire }) => {
  const codec = codecOf(type);

  test("keeps nothing of what it was read from", () => {
    fc.assert(
      fc.property(wire, small, small, (bytes, before, after) => {
        const expected = fromBinary(type, new Uint8Array(bytes));
        const chunk = Buffer.concat([before, bytes, after]);
        const message = codec.parse(chunk.subarray(before.length, before.length + bytes.length));
        chunk.fill(0xa5);
        expect(hex(toBinary(type, message))).toBe(hex(toBinary(type, expected)));
      }),
    );
  });

  test("is written as toBinary writes it, behind what is left free", () => {
    fc.assert(
      fc.property(wire, fc.nat(8), (bytes, headroom) => {
        const message = fromBinary(type, bytes);
        const written = codec.serialize(message, headroom);
        expect(hex(written.subarray(headroom))).toBe(hex(toBinary(type, message)));
      }),
    );
  });

  test("that is malformed has Connect's error", () => {
    fc.assert(
      fc.property(wire, small, fc.nat(40), (bytes, more, cut) => {
        const malformed = Buffer.concat([bytes, more]).subarray(0, -cut);
        const expected = outcomeOf(() => toBinary(type, fromBinary(type, malformed)), "parse");
        expect(outcomeOf(() => toBinary(type, codec.parse(malformed)))).toEqual(expected);
      }),
    );
  });
});

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** What something gives, or what Connect says of what it throws. */
function outcomeOf(run: () => Uint8Array, doing?: "parse" | "serialize"): unknown {
  try {
    return hex(run());
  } catch (thrown) {
    if (doing !== undefined) return { code: Code.Internal, message: `${doing} binary: ${(thrown as Error).message}` };
    const { code, rawMessage } = ConnectError.from(thrown);
    return { code, message: rawMessage };
  }
}

test("what is not as its type has it, has toBinary's error, and leaves nothing behind for the next", () => {
  const right: unknown[] = ["text", "", true, false, 0, 1, -1, 2 ** 31 - 1, 2 ** 32 - 1];
  const wrong: unknown[] = [
    undefined,
    null,
    Number.NaN,
    1.5,
    -0,
    2 ** 31,
    2 ** 32,
    -(2 ** 31) - 1,
    1n,
    {},
    [],
    "\ud800",
  ];
  const value = fc.constantFrom(...right, ...wrong);
  const fields = { field1: value, field2: value, field3: value, field4: value };
  const codec = codecOf(FlatSchema);
  fc.assert(
    fc.property(fc.record(fields, { requiredKeys: [] }), fc.nat(8), (values, headroom) => {
      const message = Object.assign(create(FlatSchema), values);
      const expected = outcomeOf(() => toBinary(FlatSchema, message), "serialize");
      expect(outcomeOf(() => codec.serialize(message, headroom).subarray(headroom))).toEqual(expected);
      const next = Object.assign(create(FlatSchema), { field1: "next", field3: 7 });
      expect(hex(codec.serialize(next))).toBe(hex(toBinary(FlatSchema, next)));
    }),
    { numRuns: 500 },
  );
});

test("a message of another type has toBinary's error", () => {
  for (const type of [FlatSchema, OuterSchema]) {
    const other: Message = create(StringValueSchema, { value: "a" });
    const expected = outcomeOf(() => toBinary(type, other), "serialize");
    expect(expected).toHaveProperty("code");
    expect(outcomeOf(() => codecOf(type).serialize(other))).toEqual(expected);
  }
});

test.each([FlatSchema, OuterSchema])("%s: limits hold for the message without what is in front", (type) => {
  const flat = Object.assign(create(FlatSchema), { field1: "x".repeat(20) });
  const message = type === FlatSchema ? flat : Object.assign(create(type), { field1: flat });
  const { length } = toBinary(type, message);
  expect(codecOf(type, "binary", { writeMaxBytes: length }).serialize(message, 5)).toHaveLength(length + 5);
  expect(outcomeOf(() => codecOf(type, "binary", { writeMaxBytes: length - 1 }).serialize(message, 5))).toEqual({
    code: Code.ResourceExhausted,
    message: `message size ${length} is larger than configured writeMaxBytes ${length - 1}`,
  });
  expect(codecOf(type, "binary", { readMaxBytes: length }).parse(toBinary(type, message))).toEqual(message);
  expect(
    outcomeOf(() =>
      toBinary(type, codecOf(type, "binary", { readMaxBytes: length - 1 }).parse(toBinary(type, message))),
    ),
  ).toEqual({
    code: Code.ResourceExhausted,
    message: `message size ${length} is larger than configured readMaxBytes ${length - 1}`,
  });
});

test("JSON is behind what is left free too", () => {
  const message = Object.assign(create(FlatSchema), { field1: "ä", field3: -1 });
  const written = Buffer.from(codecOf(FlatSchema, "json").serialize(message, 5));
  expect(written.subarray(5).toString()).toBe(toJsonString(FlatSchema, message));
  expect(codecOf(FlatSchema, "json").parse(written.subarray(5))).toEqual(message);
});
