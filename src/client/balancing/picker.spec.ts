import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { randomOf } from "../../../test/http2/random.ts";
import { leastRequest, type Picker, roundRobin } from "./picker.ts";

interface Backend {
  readonly name: number;
  activeCalls: number;
  hasRoom: boolean;
}

function backends(count: number): Backend[] {
  return Array.from({ length: count }, (_, name) => ({ name, activeCalls: 0, hasRoom: true }));
}

/** How often each was picked. */
function tally(picker: Picker<Backend>, from: readonly Backend[], picks: number, onPick?: (picked: Backend) => void) {
  const counts = from.map(() => 0);
  for (let pick = 0; pick < picks; pick++) {
    const picked = picker.pick();
    if (picked !== undefined) {
      counts[picked.name] = (counts[picked.name] ?? 0) + 1;
      onPick?.(picked);
    }
  }
  return counts;
}

/** The shares of calls that come one a millisecond and last 2 ms, those of the first backend 100 ms. */
function sharesWithASlowOne(picker: Picker<Backend>, from: readonly Backend[]) {
  const ending = new Map<number, Backend[]>();
  const counts = from.map(() => 0);
  const calls = 20_000;
  for (let ms = 0; ms < calls; ms++) {
    for (const backend of ending.get(ms) ?? []) backend.activeCalls--;
    const picked = picker.pick();
    if (picked === undefined) throw new Error("nothing was picked");
    picked.activeCalls++;
    counts[picked.name] = (counts[picked.name] ?? 0) + 1;
    const endsAt = ms + (picked.name === 0 ? 100 : 2);
    ending.set(endsAt, [...(ending.get(endsAt) ?? []), picked]);
  }
  return counts.map((count) => count / calls);
}

const kinds = [
  { kind: "least_request", make: (from: readonly Backend[], seed: number) => leastRequest(from, randomOf(seed).next) },
  { kind: "round_robin", make: (from: readonly Backend[], seed: number) => roundRobin(from, seed) },
];

describe.each(kinds)("$kind", ({ make }) => {
  test("gives one with room if there is one, and the one to avoid only if it is the only one", () => {
    const member = fc.record({ activeCalls: fc.nat({ max: 3 }), hasRoom: fc.boolean() });
    fc.assert(
      fc.property(fc.array(member, { maxLength: 6 }), fc.nat({ max: 7 }), fc.nat(), (members, avoided, seed) => {
        const from = members.map((one, name) => ({ ...one, name }));
        const avoid = from[avoided];
        const withRoom = from.filter(({ hasRoom }) => hasRoom);
        const wanted = withRoom.filter((one) => one !== avoid);
        const allowed = wanted.length > 0 ? wanted : withRoom;
        const picker = make(from, seed);
        for (let pick = 0; pick < 10; pick++) {
          const picked = picker.pick(avoid);
          expect(picked === undefined ? allowed.length === 0 : allowed.includes(picked)).toBe(true);
        }
      }),
    );
  });

  test("gives each that has room, whichever others have none", () => {
    const from = backends(5);
    for (const name of [0, 2, 3]) Object.assign(from[name] ?? {}, { hasRoom: false });
    expect(tally(make(from, 7), from, 200).map((count) => count > 50)).toEqual([false, true, false, false, true]);
  });

  test("sees that room is made, and taken, between one pick and the next", () => {
    const [one, other] = backends(2) as [Backend, Backend];
    const picker = make([one, other], 7);
    one.hasRoom = false;
    expect([picker.pick(), picker.pick()]).toEqual([other, other]);
    other.hasRoom = false;
    expect(picker.pick()).toBeUndefined();
    one.hasRoom = true;
    expect(picker.pick()).toBe(one);
  });

  test("never gives one to avoid that it does not choose from", () => {
    const [inside, outside] = backends(2) as [Backend, Backend];
    inside.hasRoom = false;
    expect(make([inside], 7).pick(outside)).toBeUndefined();
  });
});

describe("round_robin", () => {
  test("gives each exactly as often, in order, from the start on", () => {
    const from = backends(3);
    const picker = roundRobin(from, 4);
    expect([1, 2, 3, 4].map(() => picker.pick()?.name)).toEqual([1, 2, 0, 1]);
    expect(tally(roundRobin(from, 0), from, 3_000)).toEqual([1_000, 1_000, 1_000]);
  });

  test("gives the turn of one without room to nobody twice", () => {
    const from = backends(4);
    Object.assign(from[1] ?? {}, { hasRoom: false });
    expect(tally(roundRobin(from, 0), from, 3_000)).toEqual([1_000, 0, 1_000, 1_000]);
  });

  test("pays no heed to how long calls last", () => {
    const from = backends(4);
    expect(sharesWithASlowOne(roundRobin(from, 0), from)).toEqual([0.25, 0.25, 0.25, 0.25]);
  });
});

describe("least_request", () => {
  test("gives the less busy of two, always", () => {
    fc.assert(
      fc.property(fc.nat({ max: 9 }), fc.nat({ max: 9 }), fc.nat(), (first, second, seed) => {
        const [one, other] = backends(2) as [Backend, Backend];
        Object.assign(one, { activeCalls: first });
        Object.assign(other, { activeCalls: second });
        const picked = leastRequest([one, other], randomOf(seed).next).pick();
        expect(picked?.activeCalls).toBe(Math.min(first, second));
      }),
    );
  });

  test("gives the less busy of the two that are left, where others have no room or are to be avoided", () => {
    const [full, avoided, busy, idle] = backends(4) as [Backend, Backend, Backend, Backend];
    full.hasRoom = false;
    busy.activeCalls = 3;
    idle.activeCalls = 1;
    const picker = leastRequest([full, busy, avoided, idle], randomOf(3).next);
    for (let pick = 0; pick < 100; pick++) expect(picker.pick(avoided)).toBe(idle);
  });

  test("never gives the busiest of three, and gives the others as they are drawn", () => {
    const from = backends(3);
    for (const backend of from) backend.activeCalls = backend.name;
    // Of the three pairs, two have the idlest in them, and none leaves only the busiest.
    const [idlest = 0, middle = 0, busiest] = tally(leastRequest(from, randomOf(4).next), from, 30_000);
    expect(Math.abs(idlest - 20_000)).toBeLessThan(300);
    expect(Math.abs(middle - 10_000)).toBeLessThan(300);
    expect(busiest).toBe(0);
  });

  test("is even between equals, where some have no room too", () => {
    const from = backends(5);
    Object.assign(from[4] ?? {}, { hasRoom: false });
    for (const count of tally(leastRequest(from, randomOf(5).next), from, 40_000).slice(0, 4)) {
      expect(Math.abs(count - 10_000)).toBeLessThan(300);
    }
  });

  test("keeps calls that last within a few of each other, which chance alone would not", () => {
    const from = backends(10);
    const counts = tally(leastRequest(from, randomOf(6).next), from, 10_000, (picked) => {
      picked.activeCalls++;
    });
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThan(10);
  });

  test("gives one that is 50 times slower a small share, and the others the rest evenly", () => {
    const from = backends(4);
    const [slow = 1, ...fast] = sharesWithASlowOne(leastRequest(from, randomOf(7).next), from);
    expect(slow).toBeLessThan(0.03);
    expect(slow).toBeGreaterThan(0);
    for (const share of fast) expect(Math.abs(share - (1 - slow) / 3)).toBeLessThan(0.02);
  });
});
