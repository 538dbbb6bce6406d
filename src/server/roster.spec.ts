import fc from "fast-check";
import { expect, test } from "vitest";
import { type Listed, Roster } from "./roster.ts";

interface Item extends Listed {
  readonly name: number;
}

const ITEMS = 8;
const steps = fc.array(
  fc.oneof(
    fc.record({ does: fc.constantFrom("add" as const, "remove" as const), which: fc.nat(ITEMS - 1) }),
    fc.record({ does: fc.constant("remove while walking" as const), which: fc.nat(2 ** ITEMS - 1) }), // a bit for each
  ),
  { maxLength: 60 },
);

function namesOn(roster: Roster<Item>): readonly number[] {
  return roster
    .values()
    .map(({ name }) => name)
    .sort();
}

test("has what was added and not taken out, however often that is done, and whoever walks it may take out", () => {
  fc.assert(
    fc.property(steps, (given) => {
      const items: readonly Item[] = Array.from({ length: ITEMS }, (_none, name) => ({ name, place: -1 }));
      const roster = new Roster<Item>();
      const model = new Set<number>();
      for (const { does, which } of given) {
        if (does === "remove while walking") {
          const walked: number[] = [];
          for (const { name } of roster.values()) {
            walked.push(name);
            for (const item of items) {
              if ((which & (1 << item.name)) !== 0) roster.remove(item);
            }
          }
          expect(walked.sort()).toEqual([...model].sort());
          for (const name of walked.length === 0 ? [] : model) {
            if ((which & (1 << name)) !== 0) model.delete(name);
          }
        } else if (does === "remove") {
          roster.remove(items[which] as Item); // within the array
          model.delete(which);
        } else if (!model.has(which)) {
          roster.add(items[which] as Item); // within the array
          model.add(which);
        }
        expect(namesOn(roster)).toEqual([...model].sort());
        expect(roster.size).toBe(model.size);
        expect(items.filter(({ place }) => place !== -1)).toHaveLength(model.size);
      }
    }),
  );
});

test("what is taken out of one can be on another", () => {
  const [one, other] = [new Roster<Listed>(), new Roster<Listed>()];
  const item = { place: -1 };
  one.add({ place: -1 });
  one.add(item);
  one.remove(item);
  other.add(item);
  expect([one.size, other.size]).toEqual([1, 1]);
  other.remove(item);
  expect([one.size, other.size]).toEqual([1, 0]);
});
