import fc from "fast-check";
import { expect, test } from "vitest";
import { HeaderField } from "./header-field.ts";
import { HeaderTable, SearchableHeaderTable } from "./header-table.ts";

/** RFC 7541, 4, as plainly as it can be said: the newest field is first. */
class Model {
  fields: HeaderField[] = [];
  maxBytes: number;
  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }
  get bytes(): number {
    return this.fields.reduce((sum, { name, value }) => sum + name.length + value.length + 32, 0);
  }
  resize(maxBytes: number): void {
    this.maxBytes = maxBytes;
    while (this.bytes > maxBytes) {
      this.fields.pop();
    }
  }
  insert(field: HeaderField): void {
    this.fields.unshift(field);
    while (this.bytes > this.maxBytes) {
      this.fields.pop();
    }
  }
}

function content(table: HeaderTable): HeaderField[] {
  return Array.from({ length: table.count }, (_, age) => table.at(age)).filter((field) => field !== undefined);
}

const pair = fc.record({
  name: fc.constantFrom("a", "b", "c-long-name"),
  value: fc.oneof(fc.constantFrom("", "1", "2"), fc.string({ maxLength: 60 }), fc.constant("x".repeat(400))),
});
const steps = fc.array(fc.oneof({ weight: 9, arbitrary: pair }, fc.nat(600)), { maxLength: 150 });

test("insertions and changes of the maximum evict exactly as RFC 7541, 4.1 to 4.4, say", () => {
  fc.assert(
    fc.property(steps, fc.nat(6000), (sequence, maxBytes) => {
      const model = new Model(maxBytes);
      const table = new HeaderTable(maxBytes);
      for (const step of sequence) {
        if (typeof step === "number") {
          model.resize(step);
          table.resize(step);
        } else {
          const field = new HeaderField(step.name, step.value);
          model.insert(field);
          table.insert(field);
        }
        expect(content(table)).toEqual(model.fields);
        expect([table.bytes, table.maxBytes, table.count]).toEqual([model.bytes, model.maxBytes, model.fields.length]);
        expect(table.at(table.count)).toBe(undefined);
      }
    }),
  );
});

test("a search finds every field that is there, by its pair and by its name, and none that is evicted", () => {
  fc.assert(
    fc.property(steps, fc.nat(2000), (sequence, maxBytes) => {
      const table = new SearchableHeaderTable(maxBytes);
      const seen: { name: string; value: string }[] = [];
      for (const step of sequence) {
        if (typeof step === "number") {
          table.resize(step);
        } else {
          seen.push(step);
          if (table.ageOf(step.name, step.value) === -1) {
            table.insert(new HeaderField(step.name, step.value));
          }
        }
        const fields = content(table);
        for (const { name, value } of seen) {
          expect(table.ageOf(name, value)).toBe(
            fields.findIndex((field) => field.name === name && field.value === value),
          );
          expect(table.ageOfName(name)).toBe(fields.findIndex((field) => field.name === name));
        }
      }
    }),
    { numRuns: 50 },
  );
});

test("a field of exactly the maximum stays, alone; one of a byte more leaves the table empty", () => {
  const table = new HeaderTable(100);
  table.insert(new HeaderField("a", "b"));
  const exact = new HeaderField("name", "v".repeat(64));
  table.insert(exact);
  expect(content(table)).toEqual([exact]);
  table.insert(new HeaderField("name", "v".repeat(65)));
  expect([table.count, table.bytes]).toEqual([0, 0]);
});
