import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { repository } from "../../test/commands/repository-copy.ts";
import { complaintsIn, openSchemaFolder } from "../../test/types/schema-folder.ts";

const TYPES = ["OBJECT_ID", "DATE", "DECIMAL128", "UUID", "LONG", "BINARY"] as const;
const SCALARS =
  "double float int64 uint64 int32 fixed64 fixed32 bool string bytes uint32 sfixed32 sfixed64 sint32 sint64".split(" ");
const MESSAGES = [
  "google.protobuf.Timestamp",
  "google.protobuf.Duration",
  "google.protobuf.StringValue",
  "pairs.v1.Part",
];
const DECLARATIONS = [...SCALARS, ...MESSAGES, "pairs.v1.Kind"];

/** Every place that a field may have: what stands before its name, for what it is declared as. */
const PLACES: Readonly<Record<string, (declared: string) => string>> = {
  alone: (declared) => declared,
  optional: (declared) => `optional ${declared}`,
  repeated: (declared) => `repeated ${declared}`,
  "a map's value": (declared) => `map<string, ${declared}>`,
  "in a oneof": (declared) => declared,
};

interface Pair {
  readonly type: string;
  readonly declared: string;
  readonly place: string;
}

const PAIRS: readonly Pair[] = TYPES.flatMap((type) =>
  DECLARATIONS.flatMap((declared) => Object.keys(PLACES).map((place) => ({ type, declared, place }))),
);

const HEAD = `syntax = "proto3";
package pairs.v1;
import "google/protobuf/duration.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
import "portico/types/v1/types.proto";
message Part {}
enum Kind { KIND_UNSPECIFIED = 0; }
`;

/** A field a line, each in a message of its own. */
function schemaOf(pairs: readonly Pair[]): string {
  const lines = pairs.map(({ type, declared, place }, at) => {
    const field = `${PLACES[place]?.(declared)} field = 1 [(portico.types.v1.as) = ${type}];`;
    return `message M${at} { ${place === "in a oneof" ? `oneof one { ${field} }` : field} }`;
  });
  return [HEAD, ...lines, ""].join("\n");
}

/** What the schema's own documentation says of each type: the names in backticks. */
async function documented(): Promise<Readonly<Record<string, readonly string[]>>> {
  const text = await readFile(join(repository, "proto/portico/types/v1/types.proto"), "utf8");
  const [body = ""] = /^enum DomainType \{[^}]*\}/m.exec(text) ?? [];
  const values = body.matchAll(/(?<comment>(?:^ *\/\/.*\n)+)^ *(?<name>\w+) = [1-9]\d*;/gm);
  return Object.fromEntries(
    [...values].map(({ groups }) => [
      groups?.["name"],
      [...(groups?.["comment"] ?? "").matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? ""),
    ]),
  );
}

describe("a domain type and what its field is declared as", () => {
  let allowed: Readonly<Record<string, readonly string[]>>;
  const isAllowed = ({ type, declared }: Pair) => allowed[type]?.includes(declared) === true;

  beforeAll(async () => {
    allowed = await documented();
  });

  test("fit as the comments of types.proto say", () => {
    expect(allowed).toEqual({
      OBJECT_ID: ["bytes", "string"],
      DATE: ["google.protobuf.Timestamp"],
      DECIMAL128: ["string"],
      UUID: ["bytes", "string"],
      LONG: ["int64", "sint64", "sfixed64"],
      BINARY: ["bytes"],
    });
  });

  test("generate where they fit, in every place that a field may have", async () => {
    const pairs = PAIRS.filter(isAllowed);
    expect(pairs).toHaveLength(10 * Object.keys(PLACES).length);
    await using schema = await openSchemaFolder({ "pairs/v1/pairs.proto": schemaOf(pairs) });
    expect(await schema.generate()).toEqual({ isSuccess: true, output: "" });
    expect(await schema.generated()).toEqual(["pairs/v1/pairs_domain.d.ts", "pairs/v1/pairs_domain.js"]);
  });

  test("are refused all at once where they do not, each with its line and what is allowed", async () => {
    const pairs = PAIRS.filter((pair) => !isAllowed(pair));
    const text = schemaOf(pairs);
    const lines = text.split("\n");
    await using schema = await openSchemaFolder({ "pairs/v1/pairs.proto": text });
    const result = await schema.generate();
    expect(result.isSuccess).toBe(false);
    const expected = pairs.map(({ type, declared }, at) => {
      const line = lines.findIndex((line) => line.startsWith(`message M${at} `));
      const column = lines[line]?.indexOf("(portico") ?? -1;
      const names = new Intl.ListFormat("en", { type: "disjunction" }).format(allowed[type] ?? []);
      const position = `pairs/v1/pairs.proto:${line + 1}:${column + 1}`;
      const problem = `as = ${type} is for ${names.replace(", or", " or")}; this field is ${declared}`;
      return `${position}: pairs.v1.M${at}.field: ${problem}`;
    });
    expect(complaintsIn(result)).toEqual(expected);
  });
});
