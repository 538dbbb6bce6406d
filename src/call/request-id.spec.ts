import fc from "fast-check";
import { expect, test } from "vitest";
import { requestIdFrom } from "./request-id.ts";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

test("an id of 1 to 128 characters of A-Z, a-z, 0-9, `.`, `_`, `:` and `-` is kept", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[A-Za-z0-9._:-]{1,128}$/), (id) => requestIdFrom(id) === id),
    {
      examples: [["a"], ["-".repeat(128)]],
    },
  );
});

test.each([
  ["none", undefined],
  ["null", null],
  ["an empty one", ""],
  ["one of 129 characters", "a".repeat(129)],
  ["one with a space", "a b"],
  ["one with a line's end", "a\n"],
  ["one with a comma, as two fields make one", "a, b"],
  ["one with a slash", "a/b"],
  ["one beyond ASCII", "ä"],
  ["one with an escape sequence", "\u001b[31m"],
])("%s is replaced by a UUID, another each time", (_name, sent) => {
  expect(requestIdFrom(sent)).toMatch(UUID);
  expect(requestIdFrom(sent)).not.toBe(requestIdFrom(sent));
});

test("whatever is sent, the id is one that may stand in a header and in a log line", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (sent) => /^[A-Za-z0-9._:-]{1,128}$/.test(requestIdFrom(sent))),
  );
});
