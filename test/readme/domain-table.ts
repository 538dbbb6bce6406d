import { codeIn } from "./fences.ts";

// The table of docs/domain-types.md, as what it promises: a schema with a message for each of its pairings, a program with the
// values that it says, and a schema with all pairings that it does not have.

/** A line of the table, for one of the types that its domain type may be declared as. */
export interface Pairing {
  readonly domainType: string;
  /** Such as `bytes`. */
  readonly declared: string;
  /** The class in TypeScript, and the subtype of a Binary. */
  readonly read: string;
  readonly subtype: number | undefined;
  /** What may be given, as the table says it: `` `Binary` of subtype 4 ``. */
  readonly given: readonly string[];
  /** What is said of the JSON. */
  readonly json: string;
}

export function pairingsOf(rows: readonly (readonly string[])[]): readonly Pairing[] {
  return rows.flatMap(([option = "", declarations = "", read = "", others = "", json = ""]) =>
    codeIn(declarations).map((declared) => ({
      domainType: codeIn(option)[0] ?? "",
      declared,
      read: codeIn(read)[0] ?? "",
      subtype: subtypeIn(read),
      given: [read, ...others.split(", ").filter((other) => other !== "")],
      json,
    })),
  );
}

function subtypeIn(cell: string): number | undefined {
  const [, subtype] = /of subtype (\d+)/.exec(cell) ?? [];
  return subtype === undefined ? undefined : Number(subtype);
}

/** What the table calls them. All are of the values that its JSON shows. */
const VALUES: Readonly<Record<string, string>> = {
  "`ObjectId`": 'new ObjectId("65a1b2c3d4e5f60718293a4b")',
  "`Date`": 'new Date("2026-11-21T12:00:00.500Z")',
  "`Decimal128`": 'Decimal128.fromString("19.90")',
  "`UUID`": 'new UUID("0e55a215-4fea-4b72-8c01-387b0c8f1a9e")',
  "`Binary` of subtype 4": 'new UUID("0e55a215-4fea-4b72-8c01-387b0c8f1a9e").toBinary()',
  "`Long`": "Long.fromNumber(42)",
  "`bigint`": "42n",
  "whole `number`": "42",
  "`Binary` of subtype 0": "new Binary(Uint8Array.of(1, 2, 3))",
  "`Uint8Array`": "Uint8Array.of(1, 2, 3)",
};

/** `rows/v1/rows.proto`, with a message `Row0` for the first pairing, and so on. */
export function schemaOf(pairings: readonly Pairing[]): string {
  const messages = pairings.map(
    ({ domainType, declared }, at) =>
      `message Row${at} {\n  optional ${declared} value = 1 [(portico.types.v1.as) = ${domainType}];\n}`,
  );
  return [...head("rows.v1"), ...messages, ""].join("\n");
}

/** What a value becomes: for each that may be given, its JSON and the class and subtype of what is read of it. */
export interface Outcome {
  readonly json: { readonly value: string };
  readonly read: string;
  readonly subtype?: number;
}

/** A program in `src/<folder>/` that prints the outcomes of each pairing, and that compiles only where the types are those of the table. */
export function programOf(pairings: readonly Pairing[]): string {
  const tried = pairings.flatMap(({ read, given }, at) => [
    `const isRead${at}: Same<NonNullable<domain.Row${at}["value"]>, ${read}> = true;`,
    `const given${at}: readonly domain.Row${at}Init[] = [${given.map((value) => `{ value: ${VALUES[value]} }`).join(", ")}];`,
    `const outcomes${at} = given${at}.map((init) => outcomeOf(domain.Row${at}, schemas.Row${at}Schema, init));`,
  ]);
  const all = pairings.map((_, at) => `isRead${at} && outcomes${at}`);
  return `
    import { type DescMessage, type MessageShape, toJson } from "@bufbuild/protobuf";
    import { Binary, Decimal128, Long, ObjectId, UUID } from "bson";
    import type { MessageType } from "portico/types";
    import * as domain from "../../gen/rows/v1/rows_domain.js";
    import * as schemas from "../../gen/rows/v1/rows_pb.js";

    type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;

    function outcomeOf<D extends DescMessage, Value extends { value?: object }, Init>(
      type: MessageType<MessageShape<D>, Value, Init>,
      schema: D,
      init: Init,
    ) {
      const message = type.toMessage(init);
      const { value } = type.fromMessage(message);
      const subtype = value instanceof Binary ? value.sub_type : undefined;
      return { json: toJson(schema, message), read: value?.constructor.name, subtype };
    }

    ${tried.join("\n")}
    console.log(JSON.stringify([${all.join(", ")}]));
  `;
}

/** Whether a value's JSON is what the table says of it. */
export function isJsonAsSaid(json: string, said: string): boolean {
  const [shown] = codeIn(said);
  if (shown !== undefined) return json === JSON.parse(shown);
  const [, digits] = /^(\d+) hexadecimal digits$/.exec(said) ?? [];
  if (digits !== undefined) return new RegExp(`^[0-9a-f]{${digits}}$`).test(json);
  const [isBase64, length] = /^base64(?: of (\d+) bytes)?$/.exec(said) ?? [];
  const bytes = Buffer.from(json, "base64");
  return isBase64 !== undefined && bytes.toString("base64") === json && bytes.length === Number(length ?? 3);
}

const DECLARATIONS = [
  ..."double float int32 int64 uint32 uint64 sint32 sint64 fixed32 fixed64 sfixed32 sfixed64 bool string bytes".split(
    " ",
  ),
  ...["Timestamp", "Duration", "Int64Value", "BytesValue", "StringValue"].map((name) => `google.protobuf.${name}`),
  "portico.types.v1.DomainType",
];

/** `wrong/v1/wrong.proto` with every pairing that the table does not have, and what generating it is to complain of. */
export function wrongSchemaOf(pairings: readonly Pairing[]): {
  readonly text: string;
  readonly complaints: readonly string[];
} {
  const before = [
    ...head("wrong.v1", "google/protobuf/duration.proto", "google/protobuf/wrappers.proto"),
    "message Wrong {",
  ];
  const wrong = [...allowedIn(pairings)].flatMap(([domainType, allowed]) =>
    DECLARATIONS.filter((declared) => !allowed.includes(declared)).map((declared) => ({
      domainType,
      allowed,
      declared,
    })),
  );
  const fields = wrong.map(
    ({ domainType, declared }, at) => `${declared} field_${at} = ${at + 1} [(portico.types.v1.as) = ${domainType}];`,
  );
  const complaints = wrong.map(({ domainType, allowed, declared }, at) => {
    const line = before.length + at + 1;
    return `${line}: as = ${domainType} is for ${allowed.join(", ").replace(/, (?=[^,]*$)/, " or ")}; this field is ${declared}`;
  });
  return { text: [...before, ...fields, "}", ""].join("\n"), complaints };
}

/** What each domain type may be declared as. */
export function allowedIn(pairings: readonly Pairing[]): ReadonlyMap<string, readonly string[]> {
  const groups = Map.groupBy(pairings, ({ domainType }) => domainType);
  return new Map([...groups].map(([domainType, group]) => [domainType, group.map(({ declared }) => declared)]));
}

function head(name: string, ...others: readonly string[]): readonly string[] {
  const imports = ["google/protobuf/timestamp.proto", "portico/types/v1/types.proto", ...others];
  return ['syntax = "proto3";', `package ${name};`, ...imports.map((path) => `import "${path}";`)];
}
