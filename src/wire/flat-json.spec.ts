import { type DescMessage, fromJsonString, type Message, toJsonString } from "@bufbuild/protobuf";
import { FieldDescriptorProto_Type as Kind, StringValueSchema } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { expect, test } from "vitest";
import { messageOf, mixedMessages, rightMessages, typeOf, types } from "../../test/support/flat-types.ts";
import { flatJsonReader, flatJsonWriter } from "./flat-json.ts";
import type { FlatReader } from "./flat-reader.ts";
import type { FlatWriter } from "./flat-writer.ts";

const jsonTypes = types.filter((type) => flatJsonReader(type) !== undefined);

function readerOf(type: DescMessage): FlatReader {
  return flatJsonReader(type) ?? expect.unreachable(`${type} is not flat`);
}

function writerOf(type: DescMessage): FlatWriter {
  return flatJsonWriter(type, undefined) ?? expect.unreachable(`${type} is not flat`);
}

/** What `fromJsonString` makes of it; undefined where it throws. */
function expectedOf(type: DescMessage, text: string): Message | undefined {
  try {
    return fromJsonString(type, text);
  } catch {
    return undefined;
  }
}

test("a message is written as toJsonString writes it, behind what is left free, or left to it", () => {
  const given = jsonTypes.chain((type) => fc.tuple(fc.constant(type), mixedMessages(type), fc.nat(8)));
  fc.assert(
    fc.property(given, ([type, message, headroom]) => {
      const written = writerOf(type)(message, headroom);
      if (written !== undefined) {
        expect(Buffer.from(written).subarray(headroom).toString()).toBe(toJsonString(type, message));
      }
    }),
    { numRuns: 500 },
  );
});

test("no message as its type has it is left to toJsonString", () => {
  const given = jsonTypes.chain((type) => fc.tuple(fc.constant(type), rightMessages(type)));
  fc.assert(
    fc.property(given, ([type, message]) => {
      expect(writerOf(type)(message, 0)).toBeDefined();
    }),
  );
});

test("a text is read as fromJsonString reads it, whatever becomes of it on the way, or left to it", () => {
  const given = jsonTypes.chain((type) => fc.tuple(fc.constant(type), rightMessages(type)));
  const pieces = fc.constantFrom(
    '"',
    "{",
    "}",
    ",",
    ":",
    " ",
    "\n",
    "0",
    "-",
    ".5",
    "e1",
    "null",
    "true",
    "\\",
    "ä",
    "[]",
  );
  const damage = fc.array(fc.tuple(fc.nat(), pieces, fc.nat(2)), { maxLength: 3 });
  fc.assert(
    fc.property(given, fc.nat(2), damage, ([type, message], spaces, changes) => {
      let text = JSON.stringify(JSON.parse(toJsonString(type, message)), null, spaces);
      for (const [at, piece, removed] of changes) {
        const place = at % (text.length + 1);
        text = text.slice(0, place) + piece + text.slice(place + removed);
      }
      const read = readerOf(type)(Buffer.from(text));
      if (read !== undefined) expect(read).toEqual(expectedOf(type, text));
    }),
    { numRuns: 3000 },
  );
});

const Flat = typeOf([
  { name: "some_text", jsonName: "someText", number: 1, type: Kind.STRING },
  { name: "count", number: 2, type: Kind.INT32 },
  { name: "size", number: 3, type: Kind.UINT32 },
  { name: "is_so", jsonName: "isSo", number: 4, type: Kind.BOOL },
]);

test.each([
  "{}",
  " { } \n",
  '{"someText":"ada","count":-5,"size":0,"isSo":true}',
  '{ "isSo" : false ,\t"some_text" : "" }',
  '{"count":999999999}',
  `{"someText":"${"x".repeat(5000)}"}`,
])("%j is read", (text) => {
  expect(readerOf(Flat)(Buffer.from(text))).toEqual(fromJsonString(Flat, text));
});

test.each([
  "",
  "null",
  "[]",
  '"a"',
  "{",
  '{"count":1',
  '{"count":1}}',
  '{"count":1}x',
  '{"count":1,}',
  '{,"count":1}',
  '{"count" 1}',
  '{"count":}',
  '{"count":"1"}',
  '{"count":1.0}',
  '{"count":1e2}',
  '{"count":01}',
  '{"count":-0}',
  '{"count":-}',
  '{"count":+1}',
  '{"count":1234567890}',
  '{"size":-1}',
  '{"isSo":1}',
  '{"isSo":truely}',
  '{"isSo":null}',
  '{"someText":1}',
  '{"someText":"a\\n"}',
  '{"someText":"\n"}',
  '{"someText":"ä"}',
  '{"someText":"a}',
  '{"other":1}',
  '{"some_tex":"a"}',
  '{"count":1,"count":1}',
  '{"someText":"a","some_text":"a"}',
  "\ufeff{}",
])("%j is left to fromJsonString", (text) => {
  expect(readerOf(Flat)(Buffer.from(text))).toBeUndefined();
});

test.each<[what: string, type: DescMessage]>([
  ["a type that JSON has in a form of its own", StringValueSchema],
  ["a type with a number for a name", typeOf([{ name: "a", jsonName: "1", number: 1, type: Kind.STRING }])],
  ["a type with a name that has to be escaped", typeOf([{ name: "a", jsonName: '"', number: 1, type: Kind.STRING }])],
  ["a type with __proto__ for a name", typeOf([{ name: "a", jsonName: "__proto__", number: 1, type: Kind.STRING }])],
  ["a type with bytes", typeOf([{ name: "a", number: 1, type: Kind.BYTES }])],
])("%s is not flat", (_what, type) => {
  expect(flatJsonReader(type)).toBeUndefined();
  expect(flatJsonWriter(type, undefined)).toBeUndefined();
});

test.each([{ alwaysEmitImplicit: true }, { useProtoFieldName: true }])("%j is left to toJsonString", (options) => {
  expect(flatJsonWriter(Flat, options)).toBeUndefined();
});

test("a message with unknown fields, or of another type, is left to toJsonString", () => {
  const message = messageOf(Flat, ["a"]);
  expect(writerOf(Flat)({ ...message, $unknown: [] } as Message, 0)).toBeUndefined();
  expect(writerOf(Flat)({ ...message, $typeName: "Other" }, 0)).toBeUndefined();
});
