import fc from "fast-check";
import { expect, test } from "vitest";
import { AnswerFields } from "./answer-fields.ts";

const name = fc.constantFrom("x-request-id", "server", "vary", "access-control-allow-origin");
const token = fc.constantFrom("origin", "accept", "*");
const steps = fc.array(
  fc.oneof(
    fc.record({ does: fc.constant("set" as const), name, value: token }),
    fc.record({ does: fc.constant("vary" as const), value: token }),
  ),
  { maxLength: 8 },
);
const head = fc.array(
  fc.tuple(fc.constantFrom(":status", "content-type", "set-cookie", "server", "vary", "x-request-id"), token),
  { maxLength: 6 },
);

/** Fields that went through the steps, and a map that did. */
function filled(given: ReadonlyArray<{ does: "set"; name: string; value: string } | { does: "vary"; value: string }>) {
  const fields = new AnswerFields();
  const model = new Map<string, string>();
  for (const step of given) {
    if (step.does === "set") {
      fields.set(step.name, step.value);
      model.set(step.name, step.value);
    } else {
      fields.vary(step.value);
      addVary(model, step.value);
    }
  }
  return { fields, model };
}

function addVary(model: Map<string, string>, value: string): void {
  const present = model.get("vary");
  model.set("vary", present === undefined ? value : `${present}, ${value}`);
}

test("each name has one line, the last that was set, and `vary` all its tokens", () => {
  fc.assert(
    fc.property(steps, (given) => {
      const { fields, model } = filled(given);
      expect(fields.lines).toHaveLength(model.size);
      expect(Object.fromEntries(fields.lines)).toEqual(Object.fromEntries(model));
    }),
  );
});

test("a head's own lines stay as they are and come first, and `vary` has both", () => {
  fc.assert(
    fc.property(steps, head, (given, lines) => {
      const { fields, model } = filled(given);
      const merged = fields.mergedWith(lines);
      if (given.length === 0) {
        expect(merged).toEqual(lines);
        return;
      }
      const kept = lines.filter(([field]) => field !== "vary");
      for (const [field, value] of lines) {
        if (field === "vary") addVary(model, value);
        else model.delete(field);
      }
      const added = merged.slice(kept.length);
      expect(merged.slice(0, kept.length)).toEqual(kept);
      expect(added).toHaveLength(model.size);
      expect(Object.fromEntries(added)).toEqual(Object.fromEntries(model));
    }),
  );
});

test("an answer that varies by nothing does not vary", () => {
  const fields = new AnswerFields();
  fields.vary(" ");
  expect(fields.lines).toEqual([]);
});
