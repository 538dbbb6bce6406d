import { setImmediate } from "node:timers/promises";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ActiveCall, type CallOptions } from "./call.ts";
import { type Clock, MAX_TIMER_MS, systemClock } from "./clock.ts";
import type { Logger } from "./logger.ts";
import { createTasks } from "./tasks.ts";

/** Deadlines get their timer behind the turn in which they were set. */
const turnEnds = () => setImmediate();

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance", "Date"] });
});
afterEach(() => {
  vi.useRealTimers();
});

const log: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/** The system's timers, which Vitest holds, and the time that goes with them. */
const clock: Clock = { now: () => Date.now(), schedule: systemClock.schedule };

function call(options: Partial<CallOptions> = {}): ActiveCall {
  return new ActiveCall({
    requestId: "r-1",
    log,
    clock,
    tasks: createTasks(log),
    peer: { address: "203.0.113.9" },
    companions: new Map([["traceparent", "00-1"]]),
    secrets: ["token"],
    ...options,
  });
}

test("without a deadline there is no time left to tell, and no timer", () => {
  expect(call().timeLeftMs()).toBeUndefined();
  expect(vi.getTimerCount()).toBe(0);
});

test("the time left runs down to 0, where the signal aborts with deadline_exceeded", async () => {
  const active = call();
  active.startDeadline(1000);
  await turnEnds();
  vi.advanceTimersByTime(999);
  expect(active.timeLeftMs()).toBe(1);
  expect(active.signal.aborted).toBe(false);
  vi.advanceTimersByTime(1);
  expect(active.timeLeftMs()).toBe(0);
  expect(active.signal.reason).toBe(active.interruption);
  expect(active.interruption).toMatchObject({ code: Code.DeadlineExceeded });
  vi.advanceTimersByTime(1000);
  expect(active.timeLeftMs()).toBe(0);
});

test("a deadline of 0 has passed at once, and is no timer that never fires", async () => {
  const active = call();
  active.startDeadline(0);
  await turnEnds();
  expect(active.timeLeftMs()).toBe(0);
  vi.advanceTimersByTime(1);
  expect(active.interruption?.code).toBe(Code.DeadlineExceeded);
});

test.each([2 ** 31, 99_999_999 * 3_600_000, 1e15])(
  "a deadline of %d ms, past what a timer holds, does not pass at once",
  async (timeoutMs) => {
    const active = call();
    active.startDeadline(timeoutMs);
    await turnEnds();
    vi.advanceTimersByTime(60_000);
    expect(active.signal.aborted).toBe(false);
    expect(active.timeLeftMs()).toBe(timeoutMs - 60_000);
    vi.advanceTimersByTime(MAX_TIMER_MS - 60_001);
    expect(active.signal.aborted).toBe(false);
  },
);

test("a new deadline takes the place of the one before", async () => {
  const active = call();
  active.startDeadline(10);
  active.startDeadline(1000);
  await turnEnds();
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(500);
  expect(active.signal.aborted).toBe(false);
});

test("the first interruption counts, and takes the timer with it", async () => {
  const active = call();
  active.startDeadline(1000);
  await turnEnds();
  const first = new ConnectError("the caller went away", Code.Canceled);
  active.interrupt(first);
  active.interrupt(new ConnectError("the service is shutting down", Code.Unavailable));
  active.expire();
  expect(active.interruption).toBe(first);
  expect(active.signal.reason).toBe(first);
  expect(vi.getTimerCount()).toBe(0);
});

test("its end takes the timer with it, lets listeners go, and is no interruption", async () => {
  const active = call();
  active.startDeadline(1000);
  await turnEnds();
  let heard = 0;
  active.signal.addEventListener("abort", () => heard++);
  active.end();
  expect(vi.getTimerCount()).toBe(0);
  expect(heard).toBe(1);
  expect(active.interruption).toBeUndefined();
  active.interrupt(new ConnectError("late", Code.Canceled));
  expect(active.interruption).toBeUndefined();
});

test("its end keeps what interrupted it", () => {
  const active = call();
  active.expire();
  active.end();
  expect(active.signal.reason).toMatchObject({ code: Code.DeadlineExceeded });
});

test("a detached call has the id, the logger, the companions and the secrets, and neither deadline nor cancellation", async () => {
  const active = call();
  active.startDeadline(1000);
  await turnEnds();
  const detached = active.detach();
  active.interrupt(new ConnectError("the caller went away", Code.Canceled));
  expect(detached).toMatchObject({ requestId: "r-1", log, companions: active.companions, secrets: ["token"] });
  expect(detached.timeLeftMs()).toBeUndefined();
  expect(detached.signal.aborted).toBe(false);
  detached.hide(["another"]);
  expect(active.secrets).toEqual(["token"]);
});

test("hides the request's own secrets for as long as the call lasts, and the latest messages' texts", () => {
  const active = call();
  for (let at = 0; at < 300; at++) {
    active.hide([`text-${at}`]);
  }
  expect(active.secrets).toContain("token");
  expect(active.secrets).toContain("text-299");
  expect(active.secrets).not.toContain("text-0");
});

test("says that a message's secrets are too many to be looked for", () => {
  const active = call();
  active.hide(Array.from({ length: 300 }, (_, at) => `text-${at}`));
  expect(active.secrets).toBeUndefined();
});
