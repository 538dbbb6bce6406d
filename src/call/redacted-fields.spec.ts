import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  create,
  createFileRegistry,
  createRegistry,
  type DescMessage,
  fromJson,
  type JsonObject,
} from "@bufbuild/protobuf";
import {
  AnySchema,
  anyPack,
  type FieldDescriptorProtoSchema,
  FileDescriptorSetSchema,
  file_google_protobuf_any,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_wrappers,
  FieldDescriptorProto_Label as Label,
  TimestampSchema,
  FieldDescriptorProto_Type as Type,
} from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import { loggableMessage, redactedFieldNames, redactedTexts } from "./redacted-fields.ts";

type Field = MessageInitShape<typeof FieldDescriptorProtoSchema>;

function jsonNameOf(name: string): string {
  return name.replace(/_([a-z])/g, (_underscore, letter: string) => letter.toUpperCase());
}

function scalar(name: string, number: number, type: Type = Type.STRING, more: Field = {}): Field {
  return { name, jsonName: jsonNameOf(name), number, type, label: Label.OPTIONAL, ...more };
}

function below(name: string, number: number, typeName: string, more: Field = {}): Field {
  return { name, jsonName: jsonNameOf(name), number, type: Type.MESSAGE, typeName, label: Label.OPTIONAL, ...more };
}

const secret: Field = { options: { debugRedact: true } };
const repeated: Field = { label: Label.REPEATED };

/** What `map<string, …>` is in a descriptor. */
function entry(name: string, value: Field) {
  return { name, field: [scalar("key", 1), value], options: { mapEntry: true } };
}

// A schema by hand, as a compiler describes it: every kind of field, plain and redacted, and types that hold each other.
const schema = createFileRegistry(
  create(FileDescriptorSetSchema, {
    file: [
      ...[file_google_protobuf_any, file_google_protobuf_struct, file_google_protobuf_timestamp].map(
        ({ proto }) => proto,
      ),
      file_google_protobuf_wrappers.proto,
      {
        name: "test.proto",
        package: "test",
        syntax: "proto3",
        dependency: ["any", "struct", "timestamp", "wrappers"].map((name) => `google/protobuf/${name}.proto`),
        messageType: [
          {
            name: "Login",
            field: [
              scalar("user", 1),
              scalar("pass_word", 2, Type.STRING, secret),
              scalar("pin", 3, Type.INT64, secret),
              scalar("count", 4, Type.INT32, secret),
              scalar("key", 5, Type.BYTES, secret),
              scalar("flag", 6, Type.BOOL, secret),
            ],
          },
          {
            name: "Holder",
            field: [
              below("one", 1, ".test.Login"),
              below("many", 2, ".test.Login", repeated),
              below("by_name", 3, ".test.Holder.ByNameEntry", repeated),
              below("hidden", 4, ".test.Login", secret),
              below("hidden_map", 5, ".test.Holder.HiddenMapEntry", { ...secret, ...repeated }),
              scalar("hidden_list", 6, Type.STRING, { ...secret, ...repeated }),
              scalar("text", 7, Type.STRING, { oneofIndex: 0 }),
              scalar("hidden_text", 8, Type.STRING, { ...secret, oneofIndex: 0 }),
              below("login", 9, ".test.Login", { oneofIndex: 0 }),
              below("wrapped", 10, ".google.protobuf.StringValue", secret),
              below("struct", 11, ".google.protobuf.Struct", secret),
              below("any", 12, ".google.protobuf.Any"),
              below("at", 13, ".google.protobuf.Timestamp"),
              below("plain", 14, ".test.Plain"),
              below("hidden_at", 15, ".google.protobuf.Timestamp", secret),
              scalar("hidden_id", 16, Type.BYTES, secret),
            ],
            oneofDecl: [{ name: "choice" }],
            nestedType: [
              entry("ByNameEntry", below("value", 2, ".test.Login")),
              entry("HiddenMapEntry", scalar("value", 2)),
              { name: "Inner", field: [scalar("inner_secret", 1, Type.STRING, secret)] },
            ],
          },
          // First and Second hold each other; which of them is asked first must not matter.
          { name: "First", field: [below("second", 1, ".test.Second"), scalar("token", 2, Type.STRING, secret)] },
          { name: "Second", field: [below("first", 1, ".test.First"), scalar("name", 2)] },
          {
            name: "Tree",
            field: [below("children", 1, ".test.Tree", repeated), scalar("leaf", 2, Type.STRING, secret)],
          },
          { name: "Box", field: [below("any", 1, ".google.protobuf.Any")] },
          { name: "Plain", field: [below("plain", 1, ".test.Plain"), scalar("name", 2)] },
        ],
      },
    ],
  }),
);
const registry = createRegistry(schema);

function type(name: string): DescMessage {
  const found = schema.getMessage(`test.${name}`);
  if (found === undefined) {
    throw new Error(`the schema has no ${name}`);
  }
  return found;
}

const message = (name: string, json: JsonObject) => fromJson(type(name), json, { registry });
const texts = (name: string, json: JsonObject) => redactedTexts(type(name), message(name, json));
const loggable = (name: string, json: JsonObject) => loggableMessage(message(name, json), registry);

const LOGIN = { user: "ada", passWord: "hunter2", pin: "1234567", count: 4711, key: "c2VjcmV0", flag: true };
const LOGIN_TEXTS = ["hunter2", "1234567", "4711", "c2VjcmV0", "736563726574"];
const LOGIN_SHOWN = {
  user: "ada",
  passWord: "[redacted]",
  pin: "[redacted]",
  count: "[redacted]",
  key: "[redacted]",
  flag: "[redacted]",
};

describe("redactedTexts", () => {
  test("are what redacted fields hold: texts, numbers, and bytes as base64", () => {
    expect(texts("Login", LOGIN)).toEqual(LOGIN_TEXTS);
    expect(texts("Login", { user: "ada" })).toEqual([]);
  });

  test("are found in messages below: alone, in lists, in maps and in a oneof", () => {
    expect(texts("Holder", { one: LOGIN })).toEqual(LOGIN_TEXTS);
    expect(texts("Holder", { many: [{ passWord: "a" }, { passWord: "b" }] })).toEqual(["a", "b"]);
    expect(texts("Holder", { byName: { x: { passWord: "a" }, y: { passWord: "b" } } })).toEqual(["a", "b"]);
    expect(texts("Holder", { login: LOGIN })).toEqual(LOGIN_TEXTS);
    expect(texts("Holder", { hiddenText: "a" })).toEqual(["a"]);
    expect(texts("Holder", { text: "a" })).toEqual([]);
  });

  test("of a redacted message are all that it holds, and nothing that its type says", () => {
    expect(texts("Holder", { hidden: { user: "ada", passWord: "hunter2" } })).toEqual(["ada", "hunter2"]);
    expect(texts("Holder", { hiddenList: ["a", "b"] })).toEqual(["a", "b"]);
    expect(texts("Holder", { hiddenMap: { key: "value" } })).toEqual(["key", "value"]);
    expect(texts("Holder", { wrapped: "a" })).toEqual(["a"]);
    expect(texts("Holder", { struct: { a: ["b", { c: 1 }], d: null } })).toEqual(
      expect.arrayContaining(["a", "b", "c", "1", "d"]),
    );
  });

  test("of ids and times are also as ObjectIds, UUIDs and Dates show themselves", () => {
    expect(texts("Holder", { hiddenId: Buffer.alloc(12, 0xab).toString("base64") })).toContain("ab".repeat(12));
    expect(texts("Holder", { hiddenId: Buffer.alloc(16, 0xab).toString("base64") })).toContain(
      "abababab-abab-abab-abab-abababababab",
    );
    expect(texts("Holder", { hiddenAt: "1969-12-31T23:59:59.5Z" })).toContain("1969-12-31T23:59:59.500Z");
    const beyond = create(type("Holder"), { hiddenAt: create(TimestampSchema, { seconds: 2n ** 62n }) });
    expect(redactedTexts(type("Holder"), beyond)).toEqual([String(2n ** 62n)]);
  });

  test.each([
    ["First", { second: { first: { token: "deep" } }, token: "top" }, ["deep", "top"]],
    ["Second", { first: { token: "top", second: { first: { token: "deep" } } } }, ["deep", "top"]],
    ["Tree", { leaf: "a", children: [{ leaf: "b", children: [{ leaf: "c" }] }] }, ["a", "b", "c"]],
  ])("are found in a type that holds itself: %s", (name, json, expected) => {
    expect(texts(name, json).toSorted()).toEqual(expected.toSorted());
  });

  test("of a type without redacted fields are none", () => {
    expect(texts("Plain", { plain: { name: "a" }, name: "b" })).toEqual([]);
  });

  test("of many megabytes of bytes are one text", () => {
    const bytes = Buffer.alloc(8 * 1024 * 1024).toString("base64");
    expect(texts("Login", { key: bytes })).toEqual([bytes]);
  });
});

describe("loggableMessage", () => {
  test("shows JSON without redacted fields, and says that they are set", () => {
    expect(loggable("Login", LOGIN)).toEqual(LOGIN_SHOWN);
    expect(loggable("Login", { user: "ada" })).toEqual({ user: "ada" });
  });

  test("hides them in messages below: alone, in lists, in maps and in a oneof", () => {
    expect(loggable("Holder", { one: LOGIN, many: [LOGIN], byName: { passWord: LOGIN }, login: LOGIN })).toEqual({
      one: LOGIN_SHOWN,
      many: [LOGIN_SHOWN],
      byName: { passWord: LOGIN_SHOWN }, // a key is no field
      login: LOGIN_SHOWN,
    });
  });

  test("hides whole messages, lists, maps and wrapped values", () => {
    const json = { hidden: LOGIN, hiddenMap: { a: "b" }, hiddenList: ["a"], hiddenText: "a", wrapped: "a", struct: {} };
    expect(loggable("Holder", json)).toEqual(Object.fromEntries(Object.keys(json).map((name) => [name, "[redacted]"])));
  });

  test.each([
    ["First", { token: "a", second: { name: "b", first: { token: "c" } } }],
    ["Second", { first: { token: "a", second: { name: "b", first: { token: "c" } } } }],
  ])("hides them in types that hold each other: %s", (name, json) => {
    const shown = JSON.stringify(loggable(name, json));
    expect(shown).toContain('"name":"b"');
    expect(shown.match(/"token":"\[redacted\]"/g)).toHaveLength(2);
    expect(shown).not.toMatch(/"[ac]"/);
  });

  test("hides what is packed in an Any, and in an Any in an Any", () => {
    const packed = anyPack(type("Login"), message("Login", LOGIN));
    const shown = { "@type": "type.googleapis.com/test.Login", ...LOGIN_SHOWN };
    expect(loggableMessage(packed, registry)).toEqual(shown);
    const box = create(type("Box"), { any: anyPack(AnySchema, packed) });
    expect(loggableMessage(box, registry)).toEqual({
      any: { "@type": "type.googleapis.com/google.protobuf.Any", value: shown },
    });
  });

  test("keeps the form of well-known types", () => {
    const json = { at: "2026-01-01T00:00:00Z", plain: { name: "a" } };
    expect(loggable("Holder", json)).toEqual(json);
  });

  test("is the type's name where the schema is not known", () => {
    expect(loggableMessage(message("Login", LOGIN), createRegistry())).toBe("test.Login");
  });

  test("is the type's name where a message has no JSON: a log line is no reason for a call to fail", () => {
    const outOfRange = create(TimestampSchema, { seconds: 999_999_999_999_999n });
    expect(loggableMessage(create(type("Holder"), { at: outOfRange }), registry)).toBe("test.Holder");
    const unknown = create(AnySchema, { typeUrl: "type.googleapis.com/unknown.Type", value: new Uint8Array([1]) });
    expect(loggableMessage(create(type("Holder"), { any: unknown }), registry)).toBe("test.Holder");
    expect(loggableMessage(create(TimestampSchema), registry)).toBe("google.protobuf.Timestamp");
  });
});

test("the names of redacted fields are those of the .proto file and of JSON, also of nested types", () => {
  expect(redactedFieldNames([type("Login").file])).toEqual([
    ...["pass_word", "passWord", "pin", "count", "key", "flag"],
    ...["hidden", "hidden_map", "hiddenMap", "hidden_list", "hiddenList", "hidden_text", "hiddenText"],
    ...[
      "wrapped",
      "struct",
      "hidden_at",
      "hiddenAt",
      "hidden_id",
      "hiddenId",
      "inner_secret",
      "innerSecret",
      "token",
      "leaf",
    ],
  ]);
});
