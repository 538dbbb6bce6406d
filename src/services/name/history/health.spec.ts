import { expect, test } from "vitest";
import { createHealth } from "./health.ts";

function watched() {
  const told: (string | undefined)[] = [];
  const health = createHealth(["connection", "writes"], (problem) => told.push(problem));
  return { health, told };
}

test("tells the problem of the first view that has one, and each change once", () => {
  const { health, told } = watched();
  health.set("writes", undefined);
  health.set("writes", "no space");
  health.set("writes", "no space");
  health.set("connection", "refused");
  health.set("writes", undefined);
  health.set("connection", undefined);
  expect(told).toEqual(["no space", "refused", undefined]);
});

test("goes back to what is wrong still", () => {
  const { health, told } = watched();
  health.set("connection", "refused");
  health.set("writes", "no space");
  health.set("connection", undefined);
  expect(told).toEqual(["refused", "no space"]);
});

test("tells nothing after its end", () => {
  const { health, told } = watched();
  health.end();
  health.set("connection", "refused");
  expect(told).toEqual([]);
});
