import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { ActiveCall } from "../../call/call.ts";
import type { Logger } from "../../call/logger.ts";
import { createTasks } from "../../call/tasks.ts";
import { ErrorCode } from "../../http2/index.ts";
import { connectErrorOf } from "../connections/stream-error.ts";
import { CallLife } from "./call-life.ts";

const log: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const URL_HERE = "http://target.test/s/M";

/** A call with a limit of 100 ms, whose timer never fires; `clock` holds the time. */
function begin() {
  const clock = { time: 0, now: () => clock.time, schedule: () => ({ cancel: () => undefined }) };
  const tasks = createTasks(log);
  const peer = { address: "203.0.113.9" };
  const call = new ActiveCall({ requestId: "r", companions: new Map(), log, clock, tasks, peer, secrets: [] });
  const counts = { started: 0, succeeded: 0, failed: 0 };
  const limits = { limitMs: 100, isOwnLimit: true };
  const life = new CallLife(counts, URL_HERE, clock, undefined, call, limits, { cut: () => undefined });
  return { clock, life };
}

const reset = () =>
  connectErrorOf({ code: ErrorCode.CANCEL, byPeer: true, reason: "it was reset", isUnprocessed: false });

test("a call that the peer breaks off has exceeded its deadline where that has passed, though its timer has not fired", () => {
  const { clock, life } = begin();
  clock.time = 100;
  expect(life.fail(reset())).toMatchObject({ code: Code.DeadlineExceeded, rawMessage: "the operation timed out" });
});

test("a call that the peer breaks off before its deadline is unavailable", () => {
  const { clock, life } = begin();
  clock.time = 99;
  expect(life.fail(reset())).toMatchObject({ code: Code.Unavailable });
});

test("what a peer answers stays what it is behind the deadline", () => {
  const { clock, life } = begin();
  clock.time = 100;
  const answered = Object.assign(new ConnectError("not wanted", Code.Canceled), { isWireError: true });
  expect(life.fail(answered)).toMatchObject({ code: Code.Canceled, rawMessage: "not wanted" });
});
