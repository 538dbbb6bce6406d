import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type EjectionOptions, OutlierEjection } from "./ejection.ts";

const options = { consecutiveFailures: 5, baseMs: 10_000, maxMs: 300_000, maxShare: 0.5 };

function ejectionOf(...members: readonly string[]) {
  return ejectionWith(options, members);
}

function ejectionWith(settings: EjectionOptions, members: readonly string[]) {
  const clock = { ms: 1_000_000 };
  const ejection = new OutlierEjection<string>(settings, () => clock.ms);
  ejection.setMembers(members);
  /** Gives what the last of so many failures said. */
  const fail = (backend: string, times = 5) => {
    let ejectedForMs: number | undefined;
    for (let failure = 0; failure < times; failure++) ejectedForMs = ejection.onOutcome(backend, true);
    return ejectedForMs;
  };
  return { clock, ejection, fail };
}

describe("a backend", () => {
  test("is ejected by its fifth failure in a row, and not by one before", () => {
    const { ejection, fail } = ejectionOf("a", "b");
    expect(fail("a", 4)).toBeUndefined();
    expect(ejection.isEjected("a")).toBe(false);
    expect(fail("a", 1)).toBe(10_000);
    expect(ejection.isEjected("a")).toBe(true);
    expect(ejection.isEjected("b")).toBe(false);
    expect(ejection.ejectedCount).toBe(1);
  });

  test("that has a success between its failures is not ejected", () => {
    const { ejection, fail } = ejectionOf("a", "b");
    for (let round = 0; round < 10; round++) {
      expect(fail("a", 4)).toBeUndefined();
      ejection.onOutcome("a", false);
    }
    expect(ejection.ejectedCount).toBe(0);
  });

  test("is not judged by what others do", () => {
    const { fail } = ejectionOf("a", "b");
    fail("a", 4);
    expect(fail("b", 4)).toBeUndefined();
  });

  test("that is ejected is not ejected by calls that end afterwards, nor do they count when it is readmitted", () => {
    const { ejection, fail } = ejectionOf("a", "b", "c", "d");
    fail("a");
    expect(fail("a", 20)).toBeUndefined();
    ejection.readmit("a");
    expect(ejection.isEjected("a")).toBe(false);
    expect(fail("a", 4)).toBeUndefined();
    expect(fail("a", 1)).toBe(20_000);
  });

  test("stays ejected until it is readmitted, however long that takes", () => {
    const { clock, ejection, fail } = ejectionOf("a", "b");
    fail("a");
    clock.ms += 1e9;
    expect(ejection.isEjected("a")).toBe(true);
  });

  test("that is none says and changes nothing", () => {
    const { ejection, fail } = ejectionOf("a", "b");
    expect(fail("c")).toBeUndefined();
    ejection.readmit("c");
    expect(ejection.extend("c")).toBeUndefined();
    expect(ejection.isEjected("c")).toBe(false);
    expect(ejection.ejectedCount).toBe(0);
  });
});

describe("the time of an ejection", () => {
  test("grows with every one, up to the longest", () => {
    const { ejection, fail } = ejectionOf("a", "b");
    const times: (number | undefined)[] = [];
    for (let round = 0; round < 40; round++) {
      times.push(fail("a"));
      ejection.readmit("a");
    }
    expect(times.slice(0, 3)).toEqual([10_000, 20_000, 30_000]);
    expect(times.slice(28, 32)).toEqual([290_000, 300_000, 300_000, 300_000]);
  });

  test("is never longer than the longest, also where no number of steps comes to that", () => {
    const { ejection, fail } = ejectionWith({ ...options, maxMs: 25_000 }, ["a", "b"]);
    expect(fail("a")).toBe(10_000);
    expect([1, 2, 3].map(() => ejection.extend("a"))).toEqual([20_000, 25_000, 25_000]);
  });

  test("grows where the backend is still not well at its end", () => {
    const { ejection, fail } = ejectionOf("a", "b");
    fail("a");
    expect(ejection.extend("a")).toBe(20_000);
    expect(ejection.extend("a")).toBe(30_000);
    expect([ejection.isEjected("a"), ejection.ejectedCount]).toEqual([true, 1]);
    ejection.readmit("a");
    expect(fail("a")).toBe(40_000);
  });

  test("is not extended where the backend is not ejected any more", () => {
    const { ejection, fail } = ejectionOf("a", "b");
    fail("a");
    ejection.readmit("a");
    expect(ejection.extend("a")).toBeUndefined();
    expect(ejection.isEjected("a")).toBe(false);
  });

  test("shrinks by one step for each ten seconds that the backend was not ejected, and not for those that it was", () => {
    const { clock, ejection, fail } = ejectionOf("a", "b");
    fail("a");
    ejection.extend("a");
    ejection.extend("a");
    clock.ms += 60_000;
    ejection.readmit("a");
    clock.ms += 9_999;
    expect(fail("a")).toBe(40_000);
    ejection.readmit("a");
    clock.ms += 20_000;
    expect(fail("a")).toBe(30_000);
    ejection.readmit("a");
    clock.ms += 1e9;
    expect(fail("a")).toBe(10_000);
  });

  test("has not grown behind the longest, so that it shrinks at once however long the backend was down", () => {
    const { clock, ejection, fail } = ejectionOf("a", "b");
    fail("a");
    for (let round = 0; round < 1_000; round++) ejection.extend("a");
    ejection.readmit("a");
    clock.ms += 20_000;
    expect(fail("a")).toBe(290_000);
  });
});

describe("the share of those ejected", () => {
  test.each([
    { members: 1, ejected: 0 },
    { members: 2, ejected: 1 },
    { members: 3, ejected: 1 },
    { members: 4, ejected: 2 },
    { members: 9, ejected: 4 },
  ])("is at most half: $ejected of $members", ({ members, ejected }) => {
    const names = Array.from({ length: members }, (_, index) => `backend ${index}`);
    const { ejection, fail } = ejectionOf(...names);
    for (const name of names) fail(name);
    expect(ejection.ejectedCount).toBe(ejected);
    expect(names.map((name) => ejection.isEjected(name))).toEqual(names.map((_, index) => index < ejected));
  });

  test("keeps a failing backend in only until there is a place: its next failure ejects it then", () => {
    const { ejection, fail } = ejectionOf("a", "b");
    fail("a");
    expect(fail("b", 7)).toBeUndefined();
    ejection.readmit("a");
    expect(fail("b", 1)).toBe(10_000);
  });
});

describe("a changed set of members", () => {
  test("keeps the standing of those that stay", () => {
    const { ejection, fail } = ejectionOf("a", "b", "c", "d");
    fail("a");
    fail("b", 4);
    expect(ejection.setMembers(["d", "b", "a", "e"])).toEqual([]);
    expect(ejection.isEjected("a")).toBe(true);
    expect(fail("b", 1)).toBe(10_000);
  });

  test("forgets those that leave, also when they come back", () => {
    const { ejection, fail } = ejectionOf("a", "b", "c", "d");
    fail("a");
    ejection.extend("a");
    fail("b", 4);
    ejection.setMembers(["c", "d"]);
    expect([ejection.isEjected("a"), ejection.ejectedCount]).toEqual([false, 0]);
    ejection.setMembers(["a", "b", "c", "d"]);
    expect(ejection.isEjected("a")).toBe(false);
    expect(fail("b", 1)).toBeUndefined();
    expect(fail("a")).toBe(10_000);
  });

  test("readmits those that have been ejected longest where too many would be", () => {
    const { ejection, fail } = ejectionOf("a", "b", "c", "d", "e", "f");
    for (const name of ["c", "a", "b"]) fail(name);
    ejection.extend("c");
    expect(ejection.setMembers(["a", "b", "c", "d"])).toEqual(["c"]);
    expect(ejection.isEjected("c")).toBe(false);
    expect(ejection.setMembers(["b", "a"])).toEqual(["a"]);
    expect(ejection.setMembers(["b"])).toEqual(["b"]);
    expect(ejection.ejectedCount).toBe(0);
  });

  test("forgives nothing to those that it readmits, but their failures in a row", () => {
    const { ejection, fail } = ejectionOf("a", "b");
    fail("a");
    expect(ejection.setMembers(["a"])).toEqual(["a"]);
    ejection.setMembers(["a", "b"]);
    expect(fail("a", 4)).toBeUndefined();
    expect(fail("a", 1)).toBe(20_000);
  });
});

test("whatever happens, at most half of the members are ejected, for a time within the bounds", () => {
  const name = fc.constantFrom("a", "b", "c", "d", "e");
  const step = fc.oneof(
    { weight: 8, arbitrary: fc.record({ fail: name, times: fc.integer({ min: 1, max: 8 }) }) },
    { weight: 1, arbitrary: fc.record({ succeed: name }) },
    { weight: 2, arbitrary: fc.record({ readmit: name }) },
    { weight: 2, arbitrary: fc.record({ extend: name }) },
    { weight: 2, arbitrary: fc.record({ members: fc.uniqueArray(name) }) },
    { weight: 2, arbitrary: fc.record({ afterMs: fc.nat({ max: 100_000 }) }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100, size: "max" }), (steps) => {
      let members: readonly string[] = ["a", "b", "c", "d", "e"];
      const { clock, ejection, fail } = ejectionOf(...members);
      for (const what of steps) {
        let ejectedForMs: number | undefined;
        if ("fail" in what) {
          ejectedForMs = fail(what.fail, what.times);
        } else if ("succeed" in what) {
          ejection.onOutcome(what.succeed, false);
        } else if ("readmit" in what) {
          ejection.readmit(what.readmit);
        } else if ("extend" in what) {
          const wasEjected = ejection.isEjected(what.extend);
          ejectedForMs = ejection.extend(what.extend);
          expect(ejectedForMs !== undefined).toBe(wasEjected);
        } else if ("members" in what) {
          members = what.members;
          for (const readmitted of ejection.setMembers(members)) expect(ejection.isEjected(readmitted)).toBe(false);
        } else {
          clock.ms += what.afterMs;
        }
        const ejected = ["a", "b", "c", "d", "e"].filter((backend) => ejection.isEjected(backend));
        expect(members).toEqual(expect.arrayContaining(ejected));
        expect(ejection.ejectedCount).toBe(ejected.length);
        expect(ejected.length).toBeLessThanOrEqual(members.length / 2);
        if (ejectedForMs !== undefined) {
          expect(ejectedForMs).toBeGreaterThanOrEqual(10_000);
          expect(ejectedForMs).toBeLessThanOrEqual(300_000);
        }
      }
    }),
  );
});
