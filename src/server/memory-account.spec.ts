import { expect, test } from "vitest";
import { MemoryAccount, requestMemory } from "./memory-account.ts";

function account(limitBytes: number) {
  const ended: string[] = [];
  return { ended, memory: new MemoryAccount<string>(limitBytes, (holder) => ended.push(holder)) };
}

test("takes account of what holders hold, and of what they give back", () => {
  const { memory, ended } = account(100);
  memory.add("a", 60);
  memory.add("b", 40);
  memory.add("a", -30);
  expect(memory.total).toBe(70);
  expect(ended).toEqual([]);
});

test("ends whoever holds most once all hold more than they may", () => {
  const { memory, ended } = account(100);
  memory.add("a", 60);
  memory.add("b", 41);
  expect(ended).toEqual(["a"]);
});

test("refuses whoever asks and would hold most", () => {
  const { memory, ended } = account(100);
  expect(memory.ask("a", 60)).toBe(true);
  expect(memory.ask("a", 41)).toBe(false);
  expect(memory.total).toBe(60);
  expect(ended).toEqual([]);
});

test("ends another in favour of whoever asks and holds less", () => {
  const { memory, ended } = account(100);
  memory.add("a", 100);
  expect(memory.ask("b", 10)).toBe(true);
  expect(ended).toEqual(["a"]);
});

test("always takes back", () => {
  const { memory } = account(100);
  memory.add("a", 200);
  expect(memory.ask("a", -50)).toBe(true);
  expect(memory.total).toBe(150);
});

test("keeps an account of each request, which ends with it", () => {
  const { memory } = account(100);
  const one = requestMemory(memory, "a");
  const other = requestMemory(memory, "a");
  expect(one.hold(50)).toBe(true);
  expect(other.hold(60)).toBe(false);
  expect(one.hold(20)).toBe(true);
  expect(other.hold(60)).toBe(true);
  expect(memory.total).toBe(80);
  other.release();
  expect(other.hold(10)).toBe(false);
  expect(memory.total).toBe(20);
});
