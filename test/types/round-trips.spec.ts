import { join } from "node:path";
import { type DescMessage, equals, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { loadGenerated } from "./load-generated.ts";
import { messagesOf } from "./message-arbitrary.ts";

const { messages } = await loadGenerated(join(import.meta.dirname, "gen"), "js");
const withTypes = messages.flatMap(({ schema, type }) =>
  type === undefined ? [] : [{ name: schema.typeName, schema, type }],
);

describe.each(withTypes)("$name", ({ schema, type }) => {
  test("comes back from its domain type as it was, whatever it holds", () => {
    fc.assert(
      fc.property(messagesOf(schema), (message) => {
        const back = type.toMessage(type.fromMessage(message));
        expect(equals(schema, back, message)).toBe(true);
        // Beyond that, by its bytes: presence, and the sign of zero.
        expect(hex(schema, back)).toBe(hex(schema, message));
      }),
    );
  });

  test("gives the same of its bytes, and the same again of what it gave", () => {
    fc.assert(
      fc.property(messagesOf(schema), (message) => {
        const value = type.fromMessage(message);
        expect(type.fromMessage(fromBinary(schema, toBinary(schema, message)))).toEqual(value);
        expect(type.fromMessage(type.toMessage(value))).toEqual(value);
      }),
    );
  });
});

function hex(schema: DescMessage, message: Message): string {
  return Buffer.from(toBinary(schema, message)).toString("hex");
}
