import { Code, ConnectError } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import { describe, expect, test } from "vitest";
import { HealthCheckRequestSchema } from "../../gen/health/v1/health_pb.js";
import { answerFor, markOnward, onwardFailure } from "./errors.ts";

const CODES = Object.values(Code).filter((code) => typeof code === "number");
const FAILURE = { url: "http://a/b.C/D" };

/** An error as an onward call fails with it: with everything that must not get out. */
function downstream(code: Code): ConnectError {
  const error = new ConnectError("the password of the database", code, { "x-secret": "1" }, [
    { desc: HealthCheckRequestSchema, value: { service: "secret" } },
  ]);
  return markOnward(error, FAILURE);
}

describe("an onward call that failed and that the handler let through", () => {
  /** The contract's table: everything that it does not name becomes internal. */
  const ANSWERS: Partial<Record<Code, Code>> = {
    [Code.Canceled]: Code.Unavailable,
    [Code.Unavailable]: Code.Unavailable,
    [Code.DeadlineExceeded]: Code.DeadlineExceeded,
    [Code.ResourceExhausted]: Code.ResourceExhausted,
  };

  test.each(CODES.map((code) => [codeToString(code), code] as const))("with %s", (_name, code) => {
    const thrown = downstream(code);
    const { error, surprise } = answerFor(thrown, undefined);
    expect(error.code).toBe(ANSWERS[code] ?? Code.Internal);
    expect(surprise).toBe("onward");
    expect(error.message).not.toContain("password");
    expect(error.rawMessage).not.toBe("");
    expect([...error.metadata]).toEqual([]);
    expect(error.details).toEqual([]);
    expect(error.cause).toBe(thrown);
  });

  test("is known by Connect's own mark too, whichever transport it came by", () => {
    const thrown = Object.assign(new ConnectError("no", Code.NotFound), { isWireError: true });
    expect(onwardFailure(thrown)).toEqual({ url: "" });
    expect(answerFor(thrown, undefined)).toMatchObject({ error: { code: Code.Internal }, surprise: "onward" });
    expect(onwardFailure(markOnward(thrown, FAILURE))).toBe(FAILURE);
  });
});

describe("a ConnectError that the handler made", () => {
  test.each(CODES.map((code) => [codeToString(code), code] as const))("passes whole: %s", (_name, code) => {
    const thrown = new ConnectError("my own", code, { "x-mine": "1" });
    expect(onwardFailure(thrown)).toBeUndefined();
    expect(answerFor(thrown, undefined)).toEqual({ error: thrown, surprise: undefined });
    expect(answerFor(thrown, undefined).error).toBe(thrown);
  });

  test("passes whole where an onward failure is its cause", () => {
    const thrown = new ConnectError("no such name", Code.NotFound, undefined, undefined, downstream(Code.Internal));
    expect(answerFor(thrown, undefined).error).toBe(thrown);
  });
});

test.each([
  ["an error", new Error("the password of the database")],
  ["a time-out of a signal of its own", new DOMException("the password ran out", "TimeoutError")],
  ["an abort of its own", new DOMException("the password was aborted", "AbortError")],
  ["a text", "the password"],
  ["nothing", undefined],
  ["null", null],
  ["an object that looks like a ConnectError", { code: Code.NotFound, message: "the password" }],
])("%s is internal, and says nothing of itself", (_name, thrown) => {
  const { error, surprise } = answerFor(thrown, undefined);
  expect(error).toMatchObject({ code: Code.Internal, rawMessage: "internal error" });
  expect(surprise).toBe("unexpected");
  expect([...error.metadata]).toEqual([]);
  expect(error.cause).toBe(thrown);
});

test.each([
  [new TypeError("x is undefined"), "unexpected"],
  [undefined, "unexpected"],
  [new DOMException("stopped", "AbortError"), undefined],
  [new DOMException("too late", "TimeoutError"), undefined],
  [new ConnectError("mine", Code.NotFound), undefined],
])("of an interrupted call, %s is a surprise for the log: %s", (thrown, surprise) => {
  expect(answerFor(thrown, new ConnectError("interrupted", Code.Canceled)).surprise).toBe(surprise);
});

test("an interrupted call is answered by what interrupted it, whatever was thrown since", () => {
  for (const code of [Code.DeadlineExceeded, Code.Canceled, Code.Unavailable]) {
    const interruption = new ConnectError("interrupted", code);
    for (const thrown of [
      new Error("x"),
      downstream(Code.NotFound),
      new ConnectError("mine", Code.NotFound),
      undefined,
    ]) {
      expect(answerFor(thrown, interruption).error).toBe(interruption);
    }
  }
});
