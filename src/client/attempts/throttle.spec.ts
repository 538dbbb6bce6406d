import fc from "fast-check";
import { expect, test } from "vitest";
import { randomOf } from "../../../test/http2/random.ts";
import { Throttle, type ThrottleOptions } from "./throttle.ts";

function throttleAt(options: ThrottleOptions = {}, random: () => number = randomOf(1).next) {
  const clock = { ms: 0 };
  return { clock, throttle: new Throttle(options, () => clock.ms, random) };
}

/** Makes a call every 10 ms for `forMs`; gives the share of them that was admitted. */
function callFor({ clock, throttle }: ReturnType<typeof throttleAt>, forMs: number, isOverloaded: () => boolean) {
  let admitted = 0;
  for (let call = 0; call < forMs / 10; call++) {
    clock.ms += 10;
    if (throttle.admits()) {
      admitted++;
      throttle.onAnswer(isOverloaded());
    }
  }
  return admitted / (forMs / 10);
}

const always = () => true;
const never = () => false;

test("rejects by the formula: what half of the requests does not account for, out of all and one", () => {
  let drawn = 0;
  const { throttle } = throttleAt({ allowance: 0 }, () => drawn);
  for (let answer = 0; answer < 9; answer++) throttle.onAnswer(answer < 6);
  // 9 requests, 3 accepts: (9 - 6) / 10
  drawn = 0.3;
  expect(throttle.admits()).toBe(true);
  drawn = 0.299;
  expect(throttle.admits()).toBe(false);
  // the rejection is a request: (10 - 6) / 11
  drawn = 0.363;
  expect(throttle.admits()).toBe(false);
  expect(throttle.rejected).toBe(2);
});

test("rejects nothing while at least half of the answers are accepts, in whatever order they come", () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 50 }), (answers) => {
      const { throttle } = throttleAt({}, () => 0);
      let overloaded = 0;
      for (const [index, isOverloaded] of answers.entries()) {
        if (isOverloaded && 2 * (overloaded + 1) > index + 1) {
          throttle.onAnswer(false);
        } else {
          throttle.onAnswer(isOverloaded);
          overloaded += isOverloaded ? 1 : 0;
        }
        expect(throttle.admits()).toBe(true);
      }
      expect(throttle.rejected).toBe(0);
    }),
  );
});

test("lets ten overloaded answers pass for nothing, so that a single call that is too large rejects no others", () => {
  const { throttle } = throttleAt({}, () => 0);
  for (let answer = 0; answer < 10; answer++) {
    throttle.onAnswer(true);
    expect(throttle.admits()).toBe(true);
  }
  throttle.onAnswer(true);
  expect(throttle.admits()).toBe(false);
});

test("rejects nothing before there is an answer, nor once the answers are too old", () => {
  const { clock, throttle } = throttleAt({}, () => 0);
  expect(throttle.admits()).toBe(true);
  for (let answer = 0; answer < 100; answer++) throttle.onAnswer(true);
  expect(throttle.admits()).toBe(false);
  clock.ms = 10_000;
  expect(throttle.admits()).toBe(true);
});

test("sends a backend that can take a quarter of the calls twice as many as it takes", () => {
  const throttled = throttleAt();
  const acceptedIn = new Map<number, number>();
  const isOverloaded = () => {
    const second = Math.floor(throttled.clock.ms / 1_000);
    const accepted = acceptedIn.get(second) ?? 0;
    acceptedIn.set(second, Math.min(25, accepted + 1));
    return accepted === 25;
  };
  callFor(throttled, 60_000, isOverloaded);
  const share = callFor(throttled, 60_000, isOverloaded);
  expect(share).toBeGreaterThan(0.45);
  expect(share).toBeLessThan(0.55);
});

test("lets a fifth through to a backend that refuses everything", () => {
  const throttled = throttleAt();
  callFor(throttled, 20_000, always);
  const share = callFor(throttled, 100_000, always);
  expect(share).toBeGreaterThan(0.18);
  expect(share).toBeLessThan(0.22);
});

test("lets more and more through once the backend accepts: a third within the window, and all within two", () => {
  for (let seed = 0; seed < 20; seed++) {
    const throttled = throttleAt({}, randomOf(seed).next);
    callFor(throttled, 60_000, always);
    callFor(throttled, 8_000, never);
    expect(callFor(throttled, 2_000, never)).toBeGreaterThan(1 / 3);
    callFor(throttled, 10_000, never);
    expect(callFor(throttled, 60_000, never)).toBe(1);
  }
});

test("gives every request a chance even where no highest probability is set", () => {
  const { throttle } = throttleAt({ maxRejection: 1 }, () => 1 - 2 ** -32);
  for (let answer = 0; answer < 100_000; answer++) throttle.onAnswer(true);
  expect(throttle.admits()).toBe(true);
});
