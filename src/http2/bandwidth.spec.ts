import { describe, expect, test } from "vitest";
import { BandwidthProbe } from "./bandwidth.ts";

describe("a bandwidth probe", () => {
  test("begins when half of the window has come, and once", () => {
    const probe = new BandwidthProbe();
    expect(probe.received(49, 100)).toBe(false);
    expect(probe.received(1, 100)).toBe(true);
    expect(probe.received(100, 100)).toBe(false);
  });

  test("finds the window full where two thirds of it come within a round trip", () => {
    const probe = new BandwidthProbe();
    probe.received(50, 99);
    probe.received(66, 99);
    expect(probe.answered(99)).toBe(true);
  });

  test("finds it wide enough where less comes, whatever came before", () => {
    const probe = new BandwidthProbe();
    probe.received(90, 99);
    probe.received(65, 99);
    expect(probe.answered(99)).toBe(false);
  });

  test("begins anew after an answer, with what comes from then on", () => {
    const probe = new BandwidthProbe();
    probe.received(50, 100);
    probe.received(90, 100);
    probe.answered(100);
    expect(probe.received(49, 100)).toBe(false);
    expect(probe.received(1, 100)).toBe(true);
  });
});
