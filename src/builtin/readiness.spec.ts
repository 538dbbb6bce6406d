import { describe, expect, test } from "vitest";
import type { Logger } from "../call/logger.ts";
import { createReadiness, type ReadinessState } from "./readiness.ts";

/** A readiness, what its subscriber saw, and what it logged. */
function watched() {
  const lines: string[] = [];
  const at = (level: string) => (message: string | object) => void lines.push(`${level} ${message}`);
  const log: Logger = { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
  const readiness = createReadiness(log);
  const seen: ReadinessState[] = [];
  readiness.subscribe(() => seen.push(readiness.state));
  return { readiness, seen, lines };
}

test("it starts as starting and moves on to serving, draining and closing", () => {
  const { readiness, seen } = watched();
  expect(readiness.state).toBe("starting");
  expect(readiness.isReady).toBe(false);
  for (const state of ["serving", "draining", "closing"] as const) {
    readiness.set(state);
    expect(readiness.state).toBe(state);
    expect(readiness.isReady).toBe(state === "serving");
    expect(readiness.serves("a.v1.A")).toBe(state === "serving");
  }
  expect(seen).toEqual(["serving", "draining", "closing"]);
});

test("a state that it is in already is no change", () => {
  const { readiness, seen } = watched();
  readiness.set("starting");
  readiness.set("serving");
  readiness.set("serving");
  expect(seen).toEqual(["serving"]);
});

test("a start that ends after the stop signal does not announce serving", () => {
  const { readiness, seen } = watched();
  readiness.set("draining");
  readiness.set("serving");
  expect(readiness.state).toBe("draining");
  expect(seen).toEqual(["draining"]);
});

test("a listener that unsubscribed hears nothing more, and others still do", () => {
  const { readiness, seen } = watched();
  const heard: ReadinessState[] = [];
  const listener = () => void heard.push(readiness.state);
  const unsubscribe = readiness.subscribe(listener);
  readiness.subscribe(listener);
  unsubscribe();
  unsubscribe();
  readiness.set("serving");
  expect(heard).toEqual(["serving"]);
  expect(seen).toEqual(["serving"]);
});

test("listeners may unsubscribe while they are told", () => {
  const { readiness } = watched();
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

describe("a condition", () => {
  test("is met until it fails, and keeps the service from being ready until it is met again", () => {
    const { readiness, seen } = watched();
    const store = readiness.condition("store", []);
    readiness.set("serving");
    expect(readiness.isReady).toBe(true);
    store.fail("connection refused");
    expect([readiness.isReady, readiness.failing, readiness.state]).toEqual([false, ["store"], "serving"]);
    store.clear();
    expect([readiness.isReady, readiness.failing]).toEqual([true, []]);
    expect(seen).toEqual(["serving", "serving", "serving"]);
  });

  test("keeps the services that it names from serving, and no others", () => {
    const { readiness } = watched();
    readiness.set("serving");
    const store = readiness.condition("store", ["a.v1.A", "b.v1.B"]);
    const queue = readiness.condition("queue", ["b.v1.B"]);
    const served = () => ["a.v1.A", "b.v1.B", "c.v1.C"].filter(readiness.serves);
    store.fail("connection refused");
    queue.fail("full");
    expect(served()).toEqual(["c.v1.C"]);
    store.clear();
    expect(served()).toEqual(["a.v1.A", "c.v1.C"]);
    queue.clear();
    expect(served()).toEqual(["a.v1.A", "b.v1.B", "c.v1.C"]);
  });

  test("that fails is named in the order in which conditions were made, not failed", () => {
    const { readiness } = watched();
    const conditions = ["store", "queue", "cache"].map((name) => readiness.condition(name, []));
    for (const condition of [...conditions].reverse()) condition.fail("down");
    expect(readiness.failing).toEqual(["store", "queue", "cache"]);
  });

  test("logs each change once, and each of a few reasons as a warning", () => {
    const { readiness, seen, lines } = watched();
    const store = readiness.condition("store", []);
    store.clear();
    store.fail("connection refused");
    store.fail("connection refused");
    store.fail("time-out");
    store.fail("connection refused");
    for (const reason of ["c", "d", "e", "f"]) store.fail(reason);
    store.clear();
    store.clear();
    store.fail("");
    expect(lines).toEqual([
      "warn action=condition, status=failing, condition=store, reason=connection refused",
      "warn action=condition, status=failing, condition=store, reason=time-out",
      "debug action=condition, status=failing, condition=store, reason=connection refused",
      "warn action=condition, status=failing, condition=store, reason=c",
      "warn action=condition, status=failing, condition=store, reason=d",
      "warn action=condition, status=failing, condition=store, reason=e",
      "debug action=condition, status=failing, condition=store, reason=f",
      "info action=condition, status=met, condition=store",
      "warn action=condition, status=failing, condition=store, reason=",
    ]);
    expect(seen).toHaveLength(3);
  });

  test("moves the state neither on nor back, before the start and after the stop", () => {
    const { readiness } = watched();
    const store = readiness.condition("store", []);
    store.fail("not opened yet");
    expect(readiness.state).toBe("starting");
    readiness.set("serving");
    expect(readiness.isReady).toBe(false);
    readiness.set("closing");
    store.clear();
    store.fail("closed");
    expect([readiness.state, readiness.isReady]).toEqual(["closing", false]);
  });

  test.each(["", "Store", "2nd-store", "-store", "the store", "store\n"])(
    "is not called %j, and the error says what it may be called",
    (name) => {
      expect(() => watched().readiness.condition(name, [])).toThrow(
        `"${name}" is no name for a condition; use lower case letters, digits and hyphens`,
      );
    },
  );

  test("is the only one of its name", () => {
    const { readiness } = watched();
    readiness.condition("store", []);
    expect(() => readiness.condition("store", [])).toThrow('there are two conditions of the name "store"');
  });
});
