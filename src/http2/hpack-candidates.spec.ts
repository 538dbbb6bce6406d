import { expect, test } from "vitest";
import { HpackCandidates } from "./hpack-candidates.ts";

test("a field is repeated the second time that it is seen, and is forgotten with that", () => {
  const candidates = new HpackCandidates();
  const sights = [1, 2, 3, 4].map(() => candidates.isRepeated("a", "1"));
  expect(sights).toEqual([false, true, false, true]);
});

test("several values of a name are told apart, and remembered for as long as eight others", () => {
  const candidates = new HpackCandidates();
  for (let i = 0; i < 8; i++) {
    expect(candidates.isRepeated("a", `${i}`)).toBe(false);
  }
  expect(candidates.isRepeated("b", "0")).toBe(false);
  for (let i = 0; i < 8; i++) {
    expect(candidates.isRepeated("a", `${i}`)).toBe(true);
  }
  for (let i = 0; i < 9; i++) {
    expect(candidates.isRepeated("a", `${i}`)).toBe(false);
  }
  expect(candidates.isRepeated("a", "0")).toBe(false);
});

test("a name whose values hardly ever come up again is given up, and other names are not", () => {
  const candidates = new HpackCandidates();
  for (let i = 0; i < 32; i++) {
    candidates.isRepeated("x-request-id", `${i}`);
  }
  expect([1, 2].map(() => candidates.isRepeated("x-request-id", "same"))).toEqual([false, false]);
  expect([1, 2].map(() => candidates.isRepeated("other", "same"))).toEqual([false, true]);
});

test("a name of which one value in four comes up again is never given up", () => {
  const candidates = new HpackCandidates();
  for (let i = 0; i < 500; i++) {
    expect([0, 1, 2, 3].map((value) => candidates.isRepeated("a", `${i} ${value % 3}`))).toEqual([
      ...[false, false, false, true],
    ]);
  }
});

test("large fields are never repeated, and names beyond the thirty-second push out the first", () => {
  const candidates = new HpackCandidates();
  expect([1, 2].map(() => candidates.isRepeated("a", "x".repeat(480)))).toEqual([false, false]);
  for (let i = 0; i < 33; i++) {
    candidates.isRepeated(`name-${i}`, "1");
  }
  expect(candidates.isRepeated("name-1", "1")).toBe(true);
  expect(candidates.isRepeated("name-0", "1")).toBe(false);
});
