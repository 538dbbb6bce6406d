import { describe, expect, test } from "vitest";
import { AbuseGuard } from "./abuse.ts";
import { ErrorCode } from "./error-code.ts";

/** How often something may be done in a row before the peer is told to calm down. */
function allowed(act: () => void): number {
  for (let count = 0; count < 100_000; count++) {
    try {
      act();
    } catch (error) {
      expect(error).toMatchObject({ name: "ConnectionError", code: ErrorCode.ENHANCE_YOUR_CALM });
      return count;
    }
  }
  return Number.POSITIVE_INFINITY;
}

describe("an abuse guard", () => {
  test("lets a peer reset and bother in bursts, but not for ever", () => {
    const guard = new AbuseGuard();
    expect(allowed(() => guard.onReset())).toBe(512);
    expect(allowed(() => guard.onControlFrame())).toBe(1024);
  });

  test("lets it go on as time passes", () => {
    const guard = new AbuseGuard();
    allowed(() => guard.onReset());
    allowed(() => guard.onControlFrame());
    guard.refill(2000);
    expect(allowed(() => guard.onReset())).toBe(128 - 1); // one was overdrawn
    expect(allowed(() => guard.onControlFrame())).toBe(200 - 1);
  });

  test("never saves up more than a burst", () => {
    const guard = new AbuseGuard();
    guard.refill(1e9);
    expect(allowed(() => guard.onReset())).toBe(512);
  });

  test("lets as many streams be reset as end in order", () => {
    const guard = new AbuseGuard();
    const resetAndFinish = () => {
      guard.onReset();
      guard.onStreamDone();
    };
    expect(allowed(resetAndFinish)).toBe(Number.POSITIVE_INFINITY);
  });

  test("lets what we send be answered by three frames, but not what a tiny window cut short", () => {
    const answered = (isCutShort: boolean) => {
      const guard = new AbuseGuard();
      return allowed(() => {
        guard.onDataSent(isCutShort ? 1 : 1000, isCutShort);
        for (let count = 0; count < 3; count++) {
          guard.onControlFrame();
        }
      });
    };
    expect(answered(false)).toBe(Number.POSITIVE_INFINITY);
    expect(answered(true)).toBeLessThan(400);
  });
});
