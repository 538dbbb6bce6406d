import { type DescMessage, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { FieldDescriptorProto_Type as Kind } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { expect, test } from "vitest";
import { messageOf, rightMessages, typeOf, types } from "../../test/support/flat-types.ts";
import { type FlatReader, flatReader } from "./flat-reader.ts";

function readerOf(type: DescMessage): FlatReader {
  return flatReader(type) ?? expect.unreachable(`${type} is not flat`);
}

/** What `fromBinary` makes of it; undefined where it throws. */
function expectedOf(type: DescMessage, bytes: Uint8Array): Message | undefined {
  try {
    return fromBinary(type, bytes);
  } catch {
    return undefined;
  }
}

const given = types.chain((type) => fc.tuple(fc.constant(type), rightMessages(type)));

test("a message is read as fromBinary reads it, or left to it", () => {
  fc.assert(
    fc.property(given, ([type, message]) => {
      const bytes = toBinary(type, message);
      const read = readerOf(type)(bytes);
      if (read !== undefined) expect(read).toEqual(fromBinary(type, bytes));
    }),
    { numRuns: 300 },
  );
});

test("bytes that were damaged are never read as anything that fromBinary does not read", () => {
  const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255), fc.constantFrom("set", "insert", "cut")), { maxLength: 3 });
  fc.assert(
    fc.property(given, damage, ([type, message], changes) => {
      const bytes = [...toBinary(type, message)];
      for (const [at, byte, how] of changes) {
        const place = at % (bytes.length + 1);
        if (how === "cut") bytes.length = place;
        else bytes.splice(place, how === "set" ? 1 : 0, byte);
      }
      const read = readerOf(type)(Uint8Array.from(bytes));
      if (read !== undefined) expect(read).toEqual(expectedOf(type, Uint8Array.from(bytes)));
    }),
    { numRuns: 2000 },
  );
});

const Flat = typeOf([
  { name: "text", number: 1, type: Kind.STRING },
  { name: "count", number: 2, type: Kind.UINT32 },
  { name: "is_so", number: 300, type: Kind.BOOL },
]);

test.each<[what: string, bytes: Uint8Array]>([
  ["nothing", new Uint8Array(0)],
  ["every field", toBinary(Flat, messageOf(Flat, ["ada", 2 ** 28 - 1, true]))],
  ["a long text", toBinary(Flat, messageOf(Flat, ["x".repeat(5000), 1, false]))],
  ["text that is not ASCII", toBinary(Flat, messageOf(Flat, ["äöü", 1, false]))],
  ["a field that comes twice", Uint8Array.of(16, 1, 16, 2)],
  ["a number with more bytes than it needs", Uint8Array.of(16, 0x81, 0)],
])("%s is read", (_what, bytes) => {
  expect(readerOf(Flat)(bytes)).toEqual(fromBinary(Flat, bytes));
});

test.each<[what: string, bytes: Uint8Array]>([
  ["a field that the type does not have", Uint8Array.of(32, 1)],
  ["a field in another wire type", new BinaryWriter().tag(1, WireType.Varint).int32(1).finish()],
  ["a number of more than 28 bits", toBinary(Flat, messageOf(Flat, ["", 2 ** 28, false]))],
  ["a number that is cut off", Uint8Array.of(16, 0x81)],
  ["a text that is cut off", Uint8Array.of(10, 3, 0x61)],
  ["a text that is no UTF-8", Uint8Array.of(10, 1, 0xff)],
  ["a tag that is cut off", Uint8Array.of(0x80)],
])("%s is left to fromBinary", (_what, bytes) => {
  expect(readerOf(Flat)(bytes)).toBeUndefined();
});

test("a message keeps nothing of the bytes that it was read from", () => {
  const bytes = toBinary(Flat, messageOf(Flat, ["ada", 1, true]));
  const read = readerOf(Flat)(bytes);
  bytes.fill(0);
  expect(read).toMatchObject({ text: "ada", count: 1, isSo: true });
});
