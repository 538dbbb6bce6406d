import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { create, fromBinary, isFieldSet, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { TimestampSchema, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Decimal128, Long, ObjectId, UUID } from "bson";
import { describe, expect, test } from "vitest";
import { Entry as ElsewhereEntry, ElsewhereService } from "./gen/test/elsewhere/v1/below_domain.js";
import { EntrySchema as ElsewhereEntrySchema } from "./gen/test/elsewhere/v1/below_pb.js";
import { Beside } from "./gen/test/types/v1/beside_domain.js";
import { BesideSchema } from "./gen/test/types/v1/beside_pb.js";
import { Edition } from "./gen/test/types/v1/edition_domain.js";
import { EditionSchema } from "./gen/test/types/v1/edition_pb.js";
import { Legacy, LegacyPart } from "./gen/test/types/v1/legacy_domain.js";
import { LegacyColour, LegacyPartSchema, LegacySchema } from "./gen/test/types/v1/legacy_pb.js";
import { Entry, Fields, NamesService } from "./gen/test/types/v1/names_domain.js";
import { Outer, Ping } from "./gen/test/types/v1/nested_domain.js";
import { OuterSchema, PingSchema } from "./gen/test/types/v1/nested_pb.js";
import { OrdinarySchema } from "./gen/test/types/v1/ordinary_pb.js";
import { ValuesService } from "./gen/test/types/v1/services_domain.js";
import { StreamsService } from "./gen/test/types/v1/streams_domain.js";
import { StreamsService as StreamsServiceDesc } from "./gen/test/types/v1/streams_pb.js";
import { Tree, Values } from "./gen/test/types/v1/values_domain.js";
import { ValuesSchema } from "./gen/test/types/v1/values_pb.js";
import { loadGenerated } from "./load-generated.ts";
import { refusal } from "./refusal.ts";

const folder = join(import.meta.dirname, "gen");
const id = new ObjectId("000102030405060708090a0b");

describe("code of domain types", () => {
  test("is there for files with an option, directly or below, and for no others", async () => {
    const files = await readdir(folder, { recursive: true });
    const withCode = files.filter((file) => file.endsWith("_domain.js")).map((file) => file.replace(/^.*\//, ""));
    expect(withCode.sort()).toEqual(
      ["below", "beside", "edition", "legacy", "names", "nested", "services", "streams", "values"].map(
        (name) => `${name}_domain.js`,
      ),
    );
  });

  test("is there for messages with an option, directly or below, and for no others", async () => {
    const { messages } = await loadGenerated(folder, "js");
    const without = messages.filter(({ type }) => type === undefined).map(({ schema }) => schema.typeName);
    expect(without.sort()).toEqual([
      "test.elsewhere.v1.Bystander",
      "test.types.v1.Ordinary",
      "test.types.v1.Outer.Simple",
      "test.types.v1.PlainRequest",
      "test.types.v1.PlainResponse",
    ]);
  });

  test("tells of a service the sides of its methods that have domain types, and nothing of the others", () => {
    expect(StreamsService).toEqual({
      desc: StreamsServiceDesc,
      methods: {
        askUnary: { input: expect.anything() },
        answerUnary: { output: expect.anything() },
        askServer: { input: expect.anything() },
        answerServer: { output: expect.anything() },
        askClient: { input: expect.anything() },
        answerClient: { output: expect.anything() },
        askBoth: { input: expect.anything() },
        answerBoth: { output: expect.anything() },
        bothBoth: { input: expect.anything(), output: Ping },
      },
    });
    expect(Object.keys(ValuesService.methods)).toEqual(["echo", "echoEach", "echoAll", "echoBoth"]);
    expect(ElsewhereService.methods.here).toEqual({ input: ElsewhereEntry });
    expect(ElsewhereService.methods.there.input).toBe(Ping);
    expect(Object.keys(NamesService.methods)).toEqual(["constructor$", "toString$"]);
  });
});

describe("what has no option", () => {
  test("is passed on as it is, in both directions", () => {
    const ordinary = create(OrdinarySchema, { text: "some", others: [{ text: "other" }] });
    const message = create(BesideSchema, {
      id: id.id,
      namedList: [ordinary],
      bytesAlone: Uint8Array.of(1),
      ordinaryAlone: ordinary,
      ordinaryByBool: { true: ordinary },
      struct: { some: ["json"] },
      plainChoice: { case: "chosenOrdinary", value: ordinary },
      mixedChoice: { case: "mixedOrdinary", value: ordinary },
    });
    const value = Beside.fromMessage(message);
    expect(value.Others).toBe(message.namedList);
    expect(value.bytesAlone).toBe(message.bytesAlone);
    expect(value.ordinaryAlone).toBe(ordinary);
    expect(value.ordinaryByBool).toBe(message.ordinaryByBool);
    expect(value.struct).toBe(message.struct);
    expect(value.plainChoice).toBe(message.plainChoice);
    expect(value.mixedChoice).toBe(message.mixedChoice);

    const back = Beside.toMessage(value);
    expect(back.namedList[0]).toBe(ordinary);
    expect(back.bytesAlone).toBe(message.bytesAlone);
    expect(back.ordinaryAlone).toBe(ordinary);
    expect(back.ordinaryByBool["true"]).toBe(ordinary);
    expect(back.struct).toBe(message.struct);
    expect(back.plainChoice.value).toBe(ordinary);
    expect(back.mixedChoice.value).toBe(ordinary);
  });

  test("may be given as what messages are made of", () => {
    const { ordinaryAlone, plainChoice, namedList, duration } = Beside.toMessage({
      _id: id,
      Others: [{ text: "listed" }],
      ordinaryAlone: { text: "some" },
      plainChoice: { case: "chosenOrdinary", value: { text: "chosen" } },
      duration: { seconds: 1n },
    });
    expect(ordinaryAlone).toMatchObject({ $typeName: "test.types.v1.Ordinary", text: "some" });
    expect(plainChoice.value).toMatchObject({ $typeName: "test.types.v1.Ordinary", text: "chosen" });
    expect(namedList).toMatchObject([{ $typeName: "test.types.v1.Ordinary", text: "listed" }]);
    expect(duration).toMatchObject({ $typeName: "google.protobuf.Duration", seconds: 1n, nanos: 0 });
  });
});

describe("a key", () => {
  test("is what a field is called by, in both directions", () => {
    const value = Beside.fromMessage(
      create(BesideSchema, { id: id.id, named: "text", namedMap: { one: 1 }, namedMaybe: 3, namedList: [{}] }),
    );
    expect(value).toMatchObject({ _id: id, other_name: "text", größe: { one: 1 }, __v: 3, Others: [{}] });
    for (const name of ["id", "named", "namedMap", "namedMaybe", "namedList"]) {
      expect(value).not.toHaveProperty(name);
    }
    expect(Beside.toMessage(value)).toMatchObject({ named: "text", namedMap: { one: 1 }, namedMaybe: 3 });
  });

  test("may be what another field gives up", () => {
    const message = Fields.toMessage({ constructor$: id, here: "text", there: 3n });
    expect(message).toMatchObject({ here: 3n, there: "text" });
    expect(Fields.fromMessage(message)).toMatchObject({ here: "text", there: Long.fromNumber(3) });
  });
});

describe("what may be left out", () => {
  test("is left out as undefined or null, and has no property where it is not there", () => {
    const nothing = { number: undefined } as const;
    const message = Entry.toMessage({ id, init: null });
    expect(message.init).toBeUndefined();
    expect(Object.keys(Entry.fromMessage(message))).toEqual(["id"]);
    expect(Entry.toMessage({ id, init: nothing }).init).toMatchObject({ number: 0n });
    expect(Object.keys(Outer.fromMessage(create(OuterSchema)))).not.toContain("inner");
    const all = Outer.toMessage({
      inner: null,
      inners: null,
      innerByString: null,
      choice: null,
      simple: null,
      simples: null,
      simpleByKey: null,
      kind: null,
    });
    expect(all).toEqual(create(OuterSchema));
  });

  test("stays out where it has a default (proto2)", () => {
    const part = create(LegacyPartSchema);
    const init = { requiredId: id.id, requiredAt: timestampFromMs(0), requiredPart: part } as const;
    const without = Legacy.fromMessage(create(LegacySchema, init));
    for (const name of ["defaultLong", "defaultPrice", "defaultId", "defaultText", "defaultColour", "optionalId"]) {
      expect(without).not.toHaveProperty(name);
    }
    const back = Legacy.toMessage(without);
    expect(isFieldSet(back, LegacySchema.field.defaultLong)).toBe(false);
    expect(back.defaultLong).toBe(42n);
  });

  test("is there with its default where it was set to that (proto2)", () => {
    const defaults = {
      defaultLong: 42n,
      defaultPrice: "19.90",
      defaultId: id.toHexString(),
      defaultText: "some",
      defaultColour: LegacyColour.GREEN,
    };
    const init = { requiredId: id.id, requiredAt: timestampFromMs(0), requiredPart: {}, ...defaults };
    const value = Legacy.fromMessage(create(LegacySchema, init));
    expect(value).toMatchObject({
      defaultLong: Long.fromNumber(42),
      defaultPrice: Decimal128.fromString("19.90"),
      defaultId: id,
      defaultText: "some",
      defaultColour: LegacyColour.GREEN,
    });
    const back = Legacy.toMessage(value);
    expect(isFieldSet(back, LegacySchema.field.defaultLong)).toBe(true);
    expect(isFieldSet(back, LegacySchema.field.defaultColour)).toBe(true);
  });

  test("follows each field's own presence (editions)", () => {
    const value = Edition.fromMessage(create(EditionSchema, { implicitId: id.id, requiredId: id.id }));
    expect(Object.keys(value).sort()).toEqual(
      ["choice", "implicitId", "implicitLong", "implicitText", "longs", "requiredId"].sort(),
    );
    expect(value.implicitLong).toEqual(Long.ZERO);
    expect(Edition.toMessage(value)).toEqual(create(EditionSchema, { implicitId: id.id, requiredId: id.id }));
  });

  test("is not there either where somebody has set it to undefined", () => {
    const part = create(LegacyPartSchema);
    Object.assign(part, { count: undefined, part: undefined });
    expect(LegacyPart.fromMessage(part)).toEqual({});
    expect(Object.keys(LegacyPart.fromMessage(part))).toEqual([]);
  });
});

describe("a required field that did not come", () => {
  const others = { requiredAt: timestampFromMs(0), requiredPart: {} };
  const read = (init: MessageInitShape<typeof LegacySchema>) => Legacy.fromMessage(create(LegacySchema, init));

  test("is refused by its name where nothing stands for it", () => {
    expect(refusal(() => read(others)).message).toBe("required_id must be 12 bytes, an ObjectId; it has 0");
  });

  test("has no property where it is a message, as in protobuf-es", () => {
    expect(read({ requiredId: id.id })).not.toHaveProperty("requiredAt");
    expect(read({ requiredId: id.id })).not.toHaveProperty("requiredPart");
    expect(read({ ...others, requiredId: id.id })).toMatchObject({ requiredAt: new Date(0), requiredPart: {} });
  });
});

describe("an error", () => {
  const inner = { id: new Uint8Array(11) };

  test.each<[string, MessageInitShape<typeof OuterSchema>, string]>([
    ["alone", { inner }, "inner.id"],
    ["in a list", { inners: [{ id: id.id }, inner] }, "inners[1].id"],
    ["by text", { innerByString: { "a b": inner } }, 'inner_by_string["a b"].id'],
    ["by a number", { innerByInt32: { [-1]: inner } }, 'inner_by_int32["-1"].id'],
    ["by a large number", { innerByInt64: { "9007199254740993": inner } }, 'inner_by_int64["9007199254740993"].id'],
    ["by truth", { innerByBool: { true: inner } }, 'inner_by_bool["true"].id'],
    ["in a oneof", { choice: { case: "chosenInner", value: inner } }, "chosen_inner.id"],
    ["deeper", { inner: { id: id.id, innermost: { at: { seconds: 0n, nanos: 1 } } } }, "inner.innermost.at"],
  ])("names the way by the schema's names: %s", (_where, init, path) => {
    expect(refusal(() => Outer.fromMessage(create(OuterSchema, init))).path).toBe(path);
  });

  test("names the way through messages of other files, and through those that hold each other", () => {
    const elsewhere = create(ElsewhereEntrySchema, { entry: { id: id.id.subarray(1) } });
    expect(refusal(() => ElsewhereEntry.fromMessage(elsewhere)).path).toBe("entry.id");
    expect(refusal(() => Ping.toMessage({ pong: { ping: { pong: { count: 0.5 } } } })).path).toBe(
      "pong.ping.pong.count",
    );
    const branch = { _id: id, named: { left: { _id: id, children: [{ _id: id }, { _id: "no" as never }] } } };
    expect(refusal(() => Tree.toMessage(branch)).path).toBe('named["left"].children[1].id');
  });

  test("names what was not given and has to be", () => {
    // What the compiler does not let through: handlers in JavaScript.
    expect(refusal(() => Values.toMessage({} as never)).path).toBe("object_id");
    expect(refusal(() => Tree.toMessage({ _id: null as never })).message).toBe("id must be an ObjectId; it is null");
  });
});

test("nanoseconds are dropped only where the schema says so", () => {
  const init = { objectId: id.id, objectIdText: id.toHexString(), decimal: "0", uuid: new UUID().id };
  const values = create(ValuesSchema, { ...init, uuidText: new UUID().toString(), wholeDate: { nanos: 1_999_999 } });
  expect(Values.fromMessage(values).wholeDate).toEqual(new Date(1));
  values.dates.push(create(TimestampSchema, { nanos: 1_999_999 }));
  expect(refusal(() => Values.fromMessage(values)).path).toBe("dates[0]");
});

test("messages that hold each other come through the wire", () => {
  const value = Ping.fromMessage(create(PingSchema, { pong: { count: 1n, ping: { pong: {} } } }));
  expect(value).toEqual({ pong: { count: Long.ONE, ping: { pong: {} } } });
  const message = fromBinary(PingSchema, toBinary(PingSchema, Ping.toMessage(value)));
  expect(Ping.fromMessage(message)).toEqual(value);
});

test("what is read may be given back", () => {
  const uuid = new UUID();
  const group = Legacy.toMessage({ requiredId: id, legacygroup: { groupId: uuid } });
  const { requiredId, legacygroup } = Legacy.fromMessage(group);
  expect(Legacy.toMessage({ requiredId, ...(legacygroup && { legacygroup }) })).toEqual(group);
});
