import { create, createFileRegistry, type DescMessage, type Message } from "@bufbuild/protobuf";
import {
  FileDescriptorSetSchema,
  FieldDescriptorProto_Type as Kind,
  FieldDescriptorProto_Label as Label,
} from "@bufbuild/protobuf/wkt";
import fc from "fast-check";

// Message types of plain strings, booleans and 32-bit integers, and messages of them.

const FLAT_KINDS = [Kind.STRING, Kind.BOOL, Kind.INT32, Kind.UINT32];

export interface Field {
  readonly name: string;
  readonly number: number;
  readonly type: Kind;
  readonly label?: Label;
  readonly [more: string]: unknown;
}

export function typeOf(fields: readonly Field[], more: object = {}): DescMessage {
  const messageType = [
    {
      name: "Flat",
      field: fields.map((field) => ({ label: Label.OPTIONAL, jsonName: field.name, ...field })),
      ...more,
    },
  ];
  const file = { name: "flat.proto", syntax: "proto3", messageType };
  const type = createFileRegistry(create(FileDescriptorSetSchema, { file: [file] })).getMessage("Flat");
  if (type === undefined) throw new Error("there is no type");
  return type;
}

export function messageOf(type: DescMessage, values: readonly unknown[]): Message {
  const byName = type.fields.map((field, index) => [field.localName, values[index]] as const);
  return Object.assign(create(type), Object.fromEntries(byName.filter(([, value]) => value !== undefined)));
}

// Numbers whose tags have every length there is, and names that mean something to JavaScript.
const NAMES = ["a", "some_name", "constructor", "to_string", "value_of", "__proto__", "name"];
const numbers = fc.oneof(fc.integer({ min: 1, max: 20 }), fc.constantFrom(15, 16, 2047, 2048, 262_144, 2 ** 29 - 1));
export const types = fc
  .uniqueArray(fc.tuple(numbers, fc.constantFrom(...FLAT_KINDS)), {
    maxLength: NAMES.length,
    selector: ([number]) => number,
  })
  .map((fields) => typeOf(fields.map(([number, type], index) => ({ name: NAMES[index] ?? "", number, type }))));

const right = {
  [Kind.STRING]: fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string({ minLength: 120, maxLength: 200 }),
    fc.constant("\ud800"),
  ),
  [Kind.BOOL]: fc.boolean(),
  [Kind.INT32]: fc.oneof(fc.constantFrom(0, -0, -1, 2 ** 31 - 1, -(2 ** 31)), fc.integer()),
  [Kind.UINT32]: fc.oneof(fc.constantFrom(0, 127, 128, 2 ** 32 - 1), fc.nat()),
} as Readonly<Partial<Record<Kind, fc.Arbitrary<unknown>>>>; // of every kind something else
const wrong = fc.constantFrom<unknown>(
  null,
  Number.NaN,
  1.5,
  -1,
  2 ** 31,
  2 ** 32,
  -(2 ** 31) - 1,
  "1",
  true,
  1n,
  {},
  [],
);

export function rightMessages(type: DescMessage): fc.Arbitrary<Message> {
  return fc
    .tuple(...type.fields.map(({ scalar }) => right[scalar as number as Kind] ?? fc.constant(undefined))) // the same numbers
    .map((values) => messageOf(type, values));
}

/** Messages of which some have a wrong value. */
export function mixedMessages(type: DescMessage): fc.Arbitrary<Message> {
  const spoilt = fc.tuple(rightMessages(type), fc.nat(), wrong).map(([message, at, value]) => {
    const name = type.fields[at % Math.max(1, type.fields.length)]?.localName;
    return name === undefined ? message : Object.assign(message, { [name]: value });
  });
  return fc.oneof(rightMessages(type), spoilt);
}
