import fc from "fast-check";
import { expect, test } from "vitest";
import { type Waiting, WaitingLine } from "./waiting-line.ts";

test("whoever comes first is taken first, but those that left, whatever comes and goes", () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.constant("add" as const) },
    { weight: 2, arbitrary: fc.constant("take" as const) },
    { weight: 2, arbitrary: fc.nat().map((leaves) => ({ leaves })) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400, size: "max" }), (steps) => {
      const line = new WaitingLine<Waiting>();
      const expected: Waiting[] = [];
      for (const what of steps) {
        if (what === "add") {
          const item = { place: -1 };
          line.add(item);
          expected.push(item);
        } else if (what === "take") {
          expect(line.take()).toBe(expected.shift());
        } else {
          const [item] = expected.splice(what.leaves % Math.max(1, expected.length), 1);
          if (item !== undefined) {
            line.remove(item);
            line.remove(item);
          }
        }
        expect(line.size).toBe(expected.length);
      }
      while (expected.length > 0) expect(line.take()).toBe(expected.shift());
      expect(line.take()).toBeUndefined();
    }),
  );
});

test("one that was taken can wait again, and in another line", () => {
  const [one, other] = [new WaitingLine<Waiting>(), new WaitingLine<Waiting>()];
  const item = { place: -1 };
  one.add(item);
  expect(one.take()).toBe(item);
  other.add({ place: -1 });
  other.add(item);
  other.remove(item);
  expect([one.size, other.size]).toEqual([0, 1]);
});
