import type { JsonObject } from "@bufbuild/protobuf";
import type { StringValue, Timestamp } from "@bufbuild/protobuf/wkt";
import { type Binary, Decimal128, Long, ObjectId, UUID } from "bson";
import { describe, expectTypeOf, test } from "vitest";
import type { DomainClient, DomainHandlers } from "../../src/types/with-domain-types.ts";
import type { Entry as ElsewhereEntry, EntryInit as ElsewhereEntryInit } from "./gen/test/elsewhere/v1/below_domain.js";
import type { Beside, BesideInit } from "./gen/test/types/v1/beside_domain.js";
import type { Edition, EditionInit } from "./gen/test/types/v1/edition_domain.js";
import type { Legacy, LegacyInit } from "./gen/test/types/v1/legacy_domain.js";
import type {
  Date as DateMessage,
  Entry,
  EntryInit$,
  ObjectId as ObjectIdMessage,
} from "./gen/test/types/v1/names_domain.js";
import type { Outer, Outer_Inner, OuterInit, Pong, PongInit } from "./gen/test/types/v1/nested_domain.js";
import type { Colour, Ordinary } from "./gen/test/types/v1/ordinary_pb.js";
import type { StreamsService } from "./gen/test/types/v1/streams_domain.js";
import type { Tree, TreeInit, Values, ValuesInit } from "./gen/test/types/v1/values_domain.js";

// What is said here is checked by the compiler: by `npm run lint`, since nothing of types is left at run time.

const id = new ObjectId();
const uuid = new UUID();
const decimal = Decimal128.fromString("19.90");
const long = Long.ONE;
const date = new Date(0);
/** All that has to be there. */
const least = { objectId: id, objectIdText: id, decimal, uuid, uuidText: uuid };

function given<T>(..._values: readonly T[]): void {
  // Only the compiler looks at them.
}

describe("a domain type as it is read", () => {
  test("has each field as what the schema says, in every place", () => {
    type Alone = "objectId" | "objectIdText" | "decimal" | "uuid" | "uuidText" | "long" | "binary";
    expectTypeOf<Pick<Values, Alone>>().toEqualTypeOf<{
      objectId: ObjectId;
      objectIdText: ObjectId;
      decimal: Decimal128;
      uuid: UUID;
      uuidText: UUID;
      long: Long;
      binary: Binary;
    }>();
    expectTypeOf<Pick<Values, "date" | "maybeObjectId" | "maybeLong" | "maybeBinary">>().toEqualTypeOf<{
      date?: Date;
      maybeObjectId?: ObjectId;
      maybeLong?: Long;
      maybeBinary?: Binary;
    }>();
    expectTypeOf<Pick<Values, "objectIds" | "dates" | "decimals">>().toEqualTypeOf<{
      objectIds: ObjectId[];
      dates: Date[];
      decimals: Decimal128[];
    }>();
    expectTypeOf<Values["objectIdByKey"]>().toEqualTypeOf<{ [key: string]: ObjectId }>();
    expectTypeOf<Values["objectIdTextByKey"]>().toEqualTypeOf<{ [key: number]: ObjectId }>();
    expectTypeOf<Values["dateByKey"]>().toEqualTypeOf<{ [key: string]: Date }>();
    expectTypeOf<Values["wholeDateByKey"]>().toEqualTypeOf<{ [key: string]: Date }>();
    expectTypeOf<Extract<Values["choice"], { case: "chosenUuid" }>["value"]>().toEqualTypeOf<UUID>();
    expectTypeOf<Extract<Values["choice"], { case: "chosenValues" }>["value"]>().toEqualTypeOf<Values>();
    expectTypeOf<Tree["children"]>().toEqualTypeOf<Tree[]>();
    expectTypeOf<Tree["only"]>().toEqualTypeOf<Tree | undefined>();
  });

  test("has what is no domain type as protobuf-es has it", () => {
    expectTypeOf<Beside["_id"]>().toEqualTypeOf<ObjectId>();
    expectTypeOf<Beside["Others"]>().toEqualTypeOf<Ordinary[]>();
    expectTypeOf<Beside["__v"]>().toEqualTypeOf<number | undefined>();
    expectTypeOf<Beside["bytesAlone"]>().toEqualTypeOf<Uint8Array>();
    expectTypeOf<Beside["int64ByInt32"]>().toEqualTypeOf<{ [key: number]: bigint }>();
    expectTypeOf<Beside["fixed64ByBool"]>().toEqualTypeOf<{ [key: string]: bigint }>();
    expectTypeOf<Beside["colourList"]>().toEqualTypeOf<Colour[]>();
    expectTypeOf<Beside["stringValue"]>().toEqualTypeOf<string | undefined>();
    expectTypeOf<Beside["stringValues"]>().toEqualTypeOf<StringValue[]>();
    expectTypeOf<Beside["struct"]>().toEqualTypeOf<JsonObject | undefined>();
    expectTypeOf<Beside["structs"]>().toEqualTypeOf<JsonObject[]>();
    expectTypeOf<Beside["timestamp"]>().toEqualTypeOf<Timestamp | undefined>();
    expectTypeOf<Beside["textNumber"]>().toEqualTypeOf<string>();
    expectTypeOf<Beside["textNumbers"]>().toEqualTypeOf<string[]>();
    expectTypeOf<Beside["numberNumber"]>().toEqualTypeOf<bigint>();
    expectTypeOf<Beside>().not.toHaveProperty("id");
  });

  test("may lack what may not have come: required messages too, but no required scalar", () => {
    expectTypeOf<
      Pick<Legacy, "requiredId" | "requiredLong" | "requiredText" | "requiredAt" | "defaultLong">
    >().toEqualTypeOf<{
      requiredId: ObjectId;
      requiredLong: Long;
      requiredText: string;
      requiredAt?: Date;
      defaultLong?: Long;
    }>();
    expectTypeOf<Pick<Edition, "explicitId" | "implicitId" | "implicitLong" | "explicitLong">>().toEqualTypeOf<{
      explicitId?: ObjectId;
      implicitId: ObjectId;
      implicitLong: Long;
      explicitLong?: Long;
    }>();
  });

  test("means JavaScript's and bson's classes by names that messages have, too", () => {
    expectTypeOf<DateMessage["date"]>().toEqualTypeOf<Date | undefined>();
    expectTypeOf<ObjectIdMessage["objectId"]>().toEqualTypeOf<ObjectId>();
    expectTypeOf<ElsewhereEntry["entry"]>().toEqualTypeOf<Entry | undefined>();
    expectTypeOf<ElsewhereEntry["inners"]>().toEqualTypeOf<Outer_Inner[]>();
  });

  test("may be given back", () => {
    expectTypeOf<Values>().toExtend<ValuesInit>();
    expectTypeOf<Tree>().toExtend<TreeInit>();
    expectTypeOf<Beside>().toExtend<BesideInit>();
    expectTypeOf<Outer>().toExtend<OuterInit>();
    expectTypeOf<Legacy>().toExtend<LegacyInit>();
    expectTypeOf<Edition>().toExtend<EditionInit>();
    expectTypeOf<Entry>().toExtend<EntryInit$>();
    expectTypeOf<ElsewhereEntry>().toExtend<ElsewhereEntryInit>();
  });
});

describe("what may be given for a message", () => {
  test("lacks nothing that has no default", () => {
    given<ValuesInit>(least);
    // @ts-expect-error an ObjectId is missing
    given<TreeInit>({});
    // @ts-expect-error an ObjectId is missing below
    given<TreeInit>({ _id: id, children: [{ _id: id }, {}] });
    // @ts-expect-error what has to be there is not null
    given<TreeInit>({ _id: null });
    // @ts-expect-error nor undefined
    given<TreeInit>({ _id: undefined });
    // @ts-expect-error a UUID is missing
    given<ValuesInit>({ objectId: id, objectIdText: id, decimal, uuid });
    // @ts-expect-error nor may a required one, or one without presence
    given<EditionInit>({ explicitId: id, implicitId: id });
  });

  test("may be null or undefined where it may be left out, as databases have it", () => {
    given<ValuesInit>(
      { ...least, date: null, maybeObjectId: null, long: null, objectIds: null, dateByKey: null, choice: null },
      { ...least, date: undefined, maybeObjectId: undefined, long: undefined, objectIds: undefined, choice: undefined },
    );
    given<BesideInit>({ _id: id, __v: null, Others: null, stringAlone: null, ordinaryAlone: null, struct: undefined });
    // @ts-expect-error no element of a list may be
    given<ValuesInit>({ ...least, objectIds: [null] });
    // @ts-expect-error no value of a map may be
    given<ValuesInit>({ ...least, objectIdByKey: { one: undefined } });
  });

  test("is of its domain type", () => {
    // @ts-expect-error a Date is no ObjectId
    given<TreeInit>({ _id: date });
    // @ts-expect-error nor is a UUID
    given<TreeInit>({ _id: uuid });
    // @ts-expect-error nor text, be it 24 digits
    given<TreeInit>({ _id: "000102030405060708090a0b" });
    // @ts-expect-error nor bytes
    given<TreeInit>({ _id: new Uint8Array(12) });
    // @ts-expect-error an ObjectId is no Date
    given<ValuesInit>({ ...least, date: id });
    // @ts-expect-error nor is a number
    given<ValuesInit>({ ...least, date: 0 });
    // @ts-expect-error a number is no Decimal128
    given<ValuesInit>({ ...least, decimal: 1 });
    // @ts-expect-error nor is a Long
    given<ValuesInit>({ ...least, maybeDecimal: long });
    // @ts-expect-error an ObjectId is no UUID
    given<ValuesInit>({ ...least, uuid: id });
    // @ts-expect-error text is no Long
    given<ValuesInit>({ ...least, long: "1" });
    // @ts-expect-error a list is no single value
    given<ValuesInit>({ ...least, objectIds: id });
    // @ts-expect-error a case has its own value
    given<ValuesInit>({ ...least, choice: { case: "chosenDate", value: id } });
    // @ts-expect-error there is no such case
    given<ValuesInit>({ ...least, choice: { case: "chosenNothing", value: id } });
    // @ts-expect-error there is no such field
    given<ValuesInit>({ ...least, objectid: id });
    // @ts-expect-error a field with a key is known by that alone
    given<TreeInit>({ _id: id, id });
  });

  test("is also what drivers give for it", () => {
    given<ValuesInit>(
      { ...least, long: 1, maybeLong: 1n, fixedLong: long, longs: [1, 1n, long], longByKey: { one: 1 } },
      { ...least, binary: new Uint8Array(1), maybeBinary: Buffer.alloc(1), binaries: [new Uint8Array(1)] },
      { ...least, objectIds: Object.freeze([id]), dates: [date] as const },
    );
  });
});

describe("a service in domain types", () => {
  type Desc = typeof StreamsService.desc;
  type Methods = typeof StreamsService.methods;
  type Handlers = DomainHandlers<Desc, Methods>;
  type Client = DomainClient<Desc, Methods>;
  type Answer<K extends keyof Handlers> = Awaited<ReturnType<Handlers[K]>>;

  test("is handled with them on the sides of methods that have any", () => {
    expectTypeOf<Parameters<Handlers["askUnary"]>[0]>().toEqualTypeOf<Pong>();
    expectTypeOf<Parameters<Handlers["answerUnary"]>[0]>().toEqualTypeOf<Ordinary>();
    expectTypeOf<Answer<"answerUnary">>().toEqualTypeOf<PongInit>();
    expectTypeOf<Answer<"answerServer">>().toEqualTypeOf<AsyncIterable<PongInit>>();
    expectTypeOf<Answer<"answerClient">>().toEqualTypeOf<PongInit>();
    expectTypeOf<Parameters<Handlers["askClient"]>[0]>().toEqualTypeOf<AsyncIterable<Pong>>();
    expectTypeOf<Parameters<Handlers["bothBoth"]>[0]>().toEqualTypeOf<AsyncIterable<Pong>>();
    expectTypeOf<Parameters<Handlers["noneUnary"]>[0]>().toEqualTypeOf<Ordinary>();
    expectTypeOf<Parameters<Handlers["noneBoth"]>[0]>().toEqualTypeOf<AsyncIterable<Ordinary>>();
  });

  test("is called with them on the sides of methods that have any", () => {
    expectTypeOf<Parameters<Client["askUnary"]>[0]>().toEqualTypeOf<PongInit>();
    expectTypeOf<ReturnType<Client["askUnary"]>>().toEqualTypeOf<Promise<Ordinary>>();
    expectTypeOf<ReturnType<Client["answerUnary"]>>().toEqualTypeOf<Promise<Pong>>();
    expectTypeOf<ReturnType<Client["answerServer"]>>().toEqualTypeOf<AsyncIterable<Pong>>();
    expectTypeOf<Parameters<Client["askBoth"]>[0]>().toEqualTypeOf<AsyncIterable<PongInit>>();
    expectTypeOf<ReturnType<Client["answerClient"]>>().toEqualTypeOf<Promise<Pong>>();
    expectTypeOf<ReturnType<Client["noneServer"]>>().toEqualTypeOf<AsyncIterable<Ordinary>>();
  });
});
