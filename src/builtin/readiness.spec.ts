import { expect, test } from "vitest";
import { createReadiness, type ReadinessState } from "./readiness.ts";

test("it starts as starting and moves on to serving, draining and closing", () => {
  const readiness = createReadiness();
  const seen: ReadinessState[] = [readiness.state];
  readiness.subscribe((state) => seen.push(state));
  for (const state of ["serving", "draining", "closing"] as const) {
    readiness.set(state);
    expect(readiness.state).toBe(state);
  }
  expect(seen).toEqual(["starting", "serving", "draining", "closing"]);
});

test("a state that it is in already is no change", () => {
  const readiness = createReadiness();
  const seen: ReadinessState[] = [];
  readiness.subscribe((state) => seen.push(state));
  readiness.set("starting");
  readiness.set("serving");
  readiness.set("serving");
  expect(seen).toEqual(["serving"]);
});

test("a start that ends after the stop signal does not announce serving", () => {
  const readiness = createReadiness();
  const seen: ReadinessState[] = [];
  readiness.subscribe((state) => seen.push(state));
  readiness.set("draining");
  readiness.set("serving");
  expect(readiness.state).toBe("draining");
  expect(seen).toEqual(["draining"]);
});

test("a listener that unsubscribed hears nothing more, and others still do", () => {
  const readiness = createReadiness();
  const first: ReadinessState[] = [];
  const second: ReadinessState[] = [];
  const listener = (state: ReadinessState) => first.push(state);
  const unsubscribe = readiness.subscribe(listener);
  readiness.subscribe(listener);
  readiness.subscribe((state) => second.push(state));
  unsubscribe();
  unsubscribe();
  readiness.set("serving");
  expect(first).toEqual(["serving"]);
  expect(second).toEqual(["serving"]);
});

test("listeners may unsubscribe while they are told", () => {
  const readiness = createReadiness();
  const seen: string[] = [];
  const unsubscribe = readiness.subscribe(() => {
    seen.push("first");
    unsubscribe();
  });
  readiness.subscribe(() => seen.push("second"));
  readiness.set("serving");
  readiness.set("draining");
  expect(seen).toEqual(["first", "second", "second"]);
});
