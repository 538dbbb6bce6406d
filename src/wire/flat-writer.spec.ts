import { type DescMessage, type Message, toBinary } from "@bufbuild/protobuf";
import { FieldDescriptorProto_Type as Kind, FieldDescriptorProto_Label as Label } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Field, messageOf, mixedMessages, rightMessages, typeOf, types } from "../../test/support/flat-types.ts";
import { type FlatWriter, flatWriter } from "./flat-writer.ts";

function writerOf(type: DescMessage): FlatWriter {
  const writer = flatWriter(type);
  if (writer === undefined) throw new Error(`${type} is not flat`);
  return writer;
}

const headrooms = fc.nat(8);

test("a message is written as toBinary writes it, behind what is left free", () => {
  const given = types.chain((type) =>
    fc.tuple(fc.constant(type), fc.array(rightMessages(type), { maxLength: 5 }), headrooms),
  );
  fc.assert(
    fc.property(given, ([type, messages, headroom]) => {
      const write = writerOf(type);
      const written = messages.map((message) => write(message, headroom));
      for (const [index, message] of messages.entries()) {
        const bytes = Buffer.from(written[index] ?? expect.unreachable("it has a flat message"));
        expect(bytes.subarray(headroom).toString("hex")).toBe(Buffer.from(toBinary(type, message)).toString("hex"));
        expect(bytes.subarray(0, headroom)).toEqual(Buffer.alloc(headroom));
      }
    }),
  );
});

test("what is wrong with a message is left to toBinary, and the next is as it should be", () => {
  const given = types.chain((type) =>
    fc.tuple(fc.constant(type), fc.array(mixedMessages(type), { maxLength: 6 }), headrooms),
  );
  fc.assert(
    fc.property(given, ([type, messages, headroom]) => {
      const write = writerOf(type);
      for (const message of messages) {
        const written = write(message, headroom);
        if (written !== undefined) {
          const expected = Buffer.from(toBinary(type, message)); // throws where it should have been left to it
          expect(Buffer.from(written).subarray(headroom).toString("hex")).toBe(expected.toString("hex"));
        }
      }
    }),
    { numRuns: 300 },
  );
});

const Flat = typeOf([{ name: "text", number: 1, type: Kind.STRING }]);

test("what is written stays as it is when more is written", () => {
  const write = writerOf(Flat);
  const one = write(messageOf(Flat, ["one"]), 5);
  write(messageOf(Flat, ["two"]), 0);
  expect(
    Buffer.from(one ?? [])
      .subarray(7)
      .toString(),
  ).toBe("one");
});

test("a message that is large is written like any other, and so is the next", () => {
  const write = writerOf(Flat);
  for (const text of ["x".repeat(200_000), "small", "ä".repeat(100_000)]) {
    const message = messageOf(Flat, [text]);
    expect(
      Buffer.from(write(message, 5) ?? [])
        .subarray(5)
        .equals(toBinary(Flat, message)),
    ).toBe(true);
  }
});

test.each<[what: string, message: Message, headroom: number]>([
  [
    "a message with unknown fields",
    { ...messageOf(Flat, ["a"]), $unknown: [{ no: 9, wireType: 0, data: Uint8Array.of(1) }] } as Message,
    0,
  ],
  ["a message of another type", { ...messageOf(Flat, ["a"]), $typeName: "Other" }, 0],
  ["more room in front than there may be", messageOf(Flat, ["a"]), 9],
])("%s is left to toBinary", (_what, message, headroom) => {
  expect(writerOf(Flat)(message, headroom)).toBeUndefined();
});

test.each<[what: string, field: Partial<Field>, more?: object]>([
  ["bytes", { type: Kind.BYTES }],
  ["int64", { type: Kind.INT64 }],
  ["sint32", { type: Kind.SINT32 }],
  ["double", { type: Kind.DOUBLE }],
  ["a message", { type: Kind.MESSAGE, typeName: ".Flat" }],
  ["a list", { label: Label.REPEATED }],
  ["one of several", { oneofIndex: 0 }, { oneofDecl: [{ name: "choice" }] }],
  ["an optional field", { oneofIndex: 0, proto3Optional: true }, { oneofDecl: [{ name: "_field" }] }],
])("a type with %s is not flat", (_what, field, more) => {
  const plain = { name: "plain", number: 1, type: Kind.STRING };
  expect(flatWriter(typeOf([plain]))).toBeDefined();
  expect(flatWriter(typeOf([plain, { name: "field", number: 2, type: Kind.STRING, ...field }], more))).toBeUndefined();
});
