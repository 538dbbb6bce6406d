import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { repository } from "../../test/commands/repository-copy.ts";
import { complaintsIn, openSchemaFolder } from "../../test/types/schema-folder.ts";

const IMPORTS = `import "google/protobuf/timestamp.proto";
import "portico/types/v1/types.proto";
`;

/** What is written, as a template that is read as it stands. */
const PROTO = String.raw;

/** What a schema without any other mistake is told of one file. */
async function complaintsOf(text: string, path = "m.proto"): Promise<readonly string[]> {
  await using schema = await openSchemaFolder({ [path]: text });
  const result = await schema.generate();
  expect(result.isSuccess).toBe(false);
  return complaintsIn(result);
}

describe("an option that does not fit its field", () => {
  test("is told with file, line and column of the option, message, field and what is allowed", async () => {
    const text = PROTO`syntax = "proto3";
package orders.v1;
${IMPORTS}message Order {
  string name = 1;
  int32 id = 2 [
    deprecated = true,
    (portico.types.v1.key) = "_id",
    (portico.types.v1.as) = OBJECT_ID
  ];
  message Line {
    message Price {
      double amount = 1 [(portico.types.v1.as) = DECIMAL128];
    }
    map<string, int32> counts = 1 [(portico.types.v1.as) = LONG];
  }
}
`;
    expect(await complaintsOf(text, "orders/v1/orders.proto")).toEqual([
      "orders/v1/orders.proto:10:5: orders.v1.Order.id: as = OBJECT_ID is for bytes or string; this field is int32",
      "orders/v1/orders.proto:16:36: orders.v1.Order.Line.counts: as = LONG is for int64, sint64 or sfixed64; this field is int32",
      "orders/v1/orders.proto:14:26: orders.v1.Order.Line.Price.amount: as = DECIMAL128 is for string; this field is double",
    ]);
  });

  test("is told with its own line also below maps, which are messages to the compiler", async () => {
    const text = PROTO`syntax = "proto3";
${IMPORTS}message M {
  map<string, int32> counts = 1;
  message First {
    bool id = 1 [(portico.types.v1.as) = UUID];
  }
  map<string, First> firsts = 2;
  message Second {
    bool id = 1 [(portico.types.v1.as) = UUID];
  }
}
`;
    expect(await complaintsOf(text)).toEqual([
      "m.proto:7:18: M.First.id: as = UUID is for bytes or string; this field is bool",
      "m.proto:11:18: M.Second.id: as = UUID is for bytes or string; this field is bool",
    ]);
  });

  test("is told of every file at once, also of those that others import", async () => {
    const file = (name: string, imports: string, field: string) => ({
      [`${name}/v1/${name}.proto`]: `syntax = "proto3";\npackage ${name}.v1;\n${IMPORTS}${imports}message M {\n  ${field}\n}\n`,
    });
    await using schema = await openSchemaFolder({
      ...file("one", "", "int64 at = 1 [(portico.types.v1.as) = DATE];"),
      ...file("two", 'import "one/v1/one.proto";\n', "one.v1.M m = 1 [(portico.types.v1.as) = DATE];"),
    });
    expect(complaintsIn(await schema.generate())).toEqual([
      "one/v1/one.proto:6:17: one.v1.M.at: as = DATE is for google.protobuf.Timestamp; this field is int64",
      "two/v1/two.proto:7:19: two.v1.M.m: as = DATE is for google.protobuf.Timestamp; this field is one.v1.M",
    ]);
  });

  test("leaves what was generated before as it was", async () => {
    const right = `syntax = "proto3";\n${IMPORTS}message M {\n  bytes id = 1 [(portico.types.v1.as) = OBJECT_ID];\n}\n`;
    await using schema = await openSchemaFolder({ "m.proto": right });
    expect(await schema.generate()).toMatchObject({ isSuccess: true });
    const code = () => readFile(join(schema.folder, "gen/m_domain.js"), "utf8");
    const before = await code();
    await schema.write("m.proto", right.replace("bytes", "bool"));
    expect(await schema.generate()).toMatchObject({ isSuccess: false });
    expect(await code()).toBe(before);
  });

  test("is one of a message or enum without a package that is called as a scalar type is", async () => {
    const text = PROTO`syntax = "proto3";
${IMPORTS}message bytes {}
enum string { NONE = 0; }
message M {
  .bytes one = 1 [(portico.types.v1.as) = OBJECT_ID];
  .string two = 2 [(portico.types.v1.as) = DECIMAL128];
}
`;
    expect(await complaintsOf(text)).toEqual([
      "m.proto:7:19: M.one: as = OBJECT_ID is for bytes or string; this field is .bytes",
      "m.proto:8:20: M.two: as = DECIMAL128 is for string; this field is .string",
    ]);
  });

  test("is one of a group, and one of an extension", async () => {
    const text = PROTO`syntax = "proto2";
${IMPORTS}message M {
  optional group Part = 1 {
    optional float id = 1 [(portico.types.v1.as) = UUID];
  }
  extensions 10 to 19;
  extend M {
    optional bytes inside = 10 [(portico.types.v1.as) = UUID];
  }
}
extend M {
  optional bytes outside = 11 [(portico.types.v1.as) = UUID, (portico.types.v1.key) = "_id"];
  optional google.protobuf.Timestamp at = 12 [(portico.types.v1.nanoseconds) = DROP];
}
`;
    expect(await complaintsOf(text)).toEqual([
      "m.proto:6:28: M.Part.id: as = UUID is for bytes or string; this field is float",
      "m.proto:10:33: M.inside: as is for fields of messages; this is an extension",
      "m.proto:14:32: outside: as is for fields of messages; this is an extension",
      "m.proto:14:62: outside: key is for fields of messages; this is an extension",
      "m.proto:15:47: at: nanoseconds is for fields of messages; this is an extension",
    ]);
  });
});

describe("a domain type", () => {
  test("that is none of the schema is an error of buf itself, with its line", async () => {
    await using schema = await openSchemaFolder({
      "m.proto": `syntax = "proto3";\n${IMPORTS}message M {\n  bytes id = 1 [(portico.types.v1.as) = OBJECTID];\n}\n`,
    });
    const { isSuccess, output } = await schema.generate();
    expect(isSuccess).toBe(false);
    expect(output).toMatch(/^proto\/m\.proto:5:\d+:.*OBJECTID/m);
  });

  test("of a newer schema is refused by a generator that does not know it", async () => {
    const types = await readFile(join(repository, "proto/portico/types/v1/types.proto"), "utf8");
    await using schema = await openSchemaFolder({
      "portico/types/v1/types.proto": types.replace("BINARY = 6;", "BINARY = 6;\n  REGEX = 7;"),
      "m.proto": `syntax = "proto3";\n${IMPORTS}message M {\n  string text = 1 [(portico.types.v1.as) = REGEX];\n}\n`,
    });
    expect(complaintsIn(await schema.generate())).toEqual([
      "m.proto:5:20: M.text: as = REGEX is none that this version of protoc-gen-portico knows",
    ]);
  });

  test("takes nanoseconds only as DATE, and LONG no jstype = JS_STRING", async () => {
    const text = PROTO`syntax = "proto3";
${IMPORTS}message M {
  google.protobuf.Timestamp a = 1 [(portico.types.v1.nanoseconds) = DROP];
  int64 b = 2 [(portico.types.v1.as) = LONG, (portico.types.v1.nanoseconds) = DROP];
  bytes c = 3 [(portico.types.v1.as) = DATE, (portico.types.v1.nanoseconds) = DROP];
  sint64 d = 4 [jstype = JS_STRING, (portico.types.v1.as) = LONG];
  repeated int64 e = 5 [(portico.types.v1.as) = LONG, jstype = JS_STRING];
  oneof f { sfixed64 g = 6 [(portico.types.v1.as) = LONG, jstype = JS_STRING]; }
  int64 right = 7 [(portico.types.v1.as) = LONG, jstype = JS_NUMBER];
}
`;
    expect(await complaintsOf(text)).toEqual([
      "m.proto:5:36: M.a: nanoseconds is for fields with as = DATE",
      "m.proto:6:46: M.b: nanoseconds is for fields with as = DATE",
      "m.proto:7:16: M.c: as = DATE is for google.protobuf.Timestamp; this field is bytes",
      "m.proto:8:37: M.d: as = LONG and jstype = JS_STRING contradict each other",
      "m.proto:9:25: M.e: as = LONG and jstype = JS_STRING contradict each other",
      "m.proto:10:29: M.g: as = LONG and jstype = JS_STRING contradict each other",
    ]);
  });
});

describe("a key", () => {
  test("is a name", async () => {
    const keys = ["", "a.b", "$set", "1st", "a b", "a-b", "_id", "größe", "名前", "class"];
    const fields = keys.map(
      (key, at) => `  string f${at} = ${at + 1} [(portico.types.v1.key) = ${JSON.stringify(key)}];\n`,
    );
    const wrong = keys.slice(0, 6);
    expect(await complaintsOf(`syntax = "proto3";\n${IMPORTS}message M {\n${fields.join("")}}\n`)).toEqual(
      wrong.map(
        (key, at) => `m.proto:${at + 5}:18: M.f${at}: key = "${key}" is no name: letters, digits and "_" are allowed`,
      ),
    );
  });

  test("is no property that every object has already", async () => {
    const keys = ["__proto__", "constructor", "toString", "hasOwnProperty"];
    const fields = keys.map((key, at) => `  bytes f${at} = ${at + 1} [(portico.types.v1.key) = "${key}"];\n`);
    expect(await complaintsOf(`syntax = "proto3";\n${IMPORTS}message M {\n${fields.join("")}}\n`)).toEqual(
      keys.map(
        (key, at) => `m.proto:${at + 5}:17: M.f${at}: key = "${key}" is a property of every object in JavaScript`,
      ),
    );
  });

  test("is no other field's, whether it has it from an option, its name or a oneof", async () => {
    const text = PROTO`syntax = "proto3";
${IMPORTS}message M {
  string one = 1 [(portico.types.v1.key) = "_id"];
  string two = 2 [(portico.types.v1.key) = "_id"];
  string three = 3 [(portico.types.v1.key) = "fourAndMore"];
  string four_and_more = 4;
  string five = 5 [(portico.types.v1.key) = "choice"];
  oneof choice { string six = 6; }
  string seven = 7 [(portico.types.v1.key) = "six"];
  string eight = 8 [(portico.types.v1.key) = "nine"];
  string nine = 9 [(portico.types.v1.key) = "eight"];
}
`;
    expect(await complaintsOf(text)).toEqual([
      'm.proto:5:19: M.one: key = "_id" is another field\'s in M',
      'm.proto:6:19: M.two: key = "_id" is another field\'s in M',
      'm.proto:7:21: M.three: key = "fourAndMore" is another field\'s in M',
      'm.proto:9:20: M.five: key = "choice" is another field\'s in M',
    ]);
  });

  test("is none of a oneof's fields", async () => {
    const text = PROTO`syntax = "proto3";
${IMPORTS}message M {
  oneof some_choice {
    bytes id = 1 [(portico.types.v1.as) = UUID, (portico.types.v1.key) = "_id"];
  }
}
`;
    expect(await complaintsOf(text)).toEqual([
      "m.proto:6:49: M.id: a field of a oneof has no key of its own: it is the value of someChoice",
    ]);
  });
});
