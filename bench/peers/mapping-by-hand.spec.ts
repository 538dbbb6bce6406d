import { create } from "@bufbuild/protobuf";
import { Decimal128, Long } from "bson";
import { describe, expect, test } from "vitest";
import { Entry, type Entry as EntryDocument, ListEntriesResponse } from "../../gen/name/v1/history_domain.js";
import { EntrySchema, ListEntriesResponseSchema, type Entry as Message } from "../../gen/name/v1/history_pb.js";
import { documents, messages, page } from "./entries.ts";
import { entryInit, entryOf, pageInit, pageOf } from "./mapping-by-hand.ts";

// It is no comparison if one of the two does less.

const [message, document] = [messages[7] as Message, [...documents.values()][7] as EntryDocument];

test("an entry is mapped as generated converters do, both ways", () => {
  expect(entryOf(message)).toEqual(document);
  expect(Entry.fromMessage(message)).toEqual(document);
  expect(create(EntrySchema, entryInit(document))).toEqual(Entry.toMessage(document));
});

test("so is a page", () => {
  const whole = create(ListEntriesResponseSchema, page);
  const read = ListEntriesResponse.fromMessage(whole);
  expect(pageOf(whole)).toEqual(read);
  expect(create(ListEntriesResponseSchema, pageInit(read))).toEqual(ListEntriesResponse.toMessage(read));
});

describe("both refuse a message with", () => {
  const timestamp = { $typeName: "google.protobuf.Timestamp" } as const;
  test.for<[string, Partial<Message>]>([
    ["an id of 11 bytes", { id: new Uint8Array(11) }],
    ["a UUID of 17 bytes", { instance: new Uint8Array(17) }],
    ["microseconds", { processedAt: { ...timestamp, seconds: 0n, nanos: 1_000 } }],
    ["a time before the year 1", { processedAt: { ...timestamp, seconds: -62_135_596_801n, nanos: 0 } }],
    ["nanoseconds below 0", { processedAt: { ...timestamp, seconds: 0n, nanos: -1_000_000 } }],
  ])("%s", ([, wrong]) => {
    const bad = { ...message, ...wrong };
    expect(() => entryOf(bad)).toThrow();
    expect(() => Entry.fromMessage(bad)).toThrow();
  });
});

describe("both refuse a document with", () => {
  test.for<[string, { readonly [Key in keyof EntryDocument]?: unknown }]>([
    ["another type in the place of its id", { _id: Decimal128.fromString("1") }],
    ["an id in hexadecimal digits", { _id: "652f00000000000000000007" }],
    ["an invalid Date", { processedAt: new Date(Number.NaN) }],
    ["a Date of the year 10000", { processedAt: new Date(Date.UTC(10_000, 0)) }],
    ["a Long above 63 bits", { tookNs: Long.fromString("9223372036854775808", true) }],
    ["an id in the place of its UUID", { instance: document._id }],
  ])("%s", ([, wrong]) => {
    const bad = { ...document, ...wrong } as EntryDocument; // as JavaScript may
    expect(() => entryInit(bad)).toThrow();
    expect(() => Entry.toMessage(bad)).toThrow();
  });
});
