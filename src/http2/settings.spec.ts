import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ConnectionError, ErrorCode } from "./error-code.ts";
import { applySettings, DEFAULT_SETTINGS, type Settings, settingsThatDiffer } from "./settings.ts";

function payloadOf(...values: readonly (readonly [identifier: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(values.length * 6);
  values.forEach(([identifier, value], index) => {
    payload.writeUInt16BE(identifier, index * 6);
    payload.writeUInt32BE(value, index * 6 + 2);
  });
  return payload;
}

const apply = (...values: readonly (readonly [number, number])[]) => {
  const payload = payloadOf(...values);
  return applySettings(DEFAULT_SETTINGS, payload, 0, payload.length);
};

const anySettings: fc.Arbitrary<Settings> = fc.record({
  headerTableBytes: fc.nat(0xffffffff),
  enablePush: fc.boolean(),
  maxConcurrentStreams: fc.nat(0xfffffffe),
  initialWindowBytes: fc.nat(0x7fffffff),
  maxFrameBytes: fc.integer({ min: 16_384, max: 0xffffff }),
  maxHeaderListBytes: fc.nat(0xfffffffe),
});

describe("settings", () => {
  test("are the same on the other side, by what differs from before", () => {
    fc.assert(
      fc.property(anySettings, anySettings, (previous, next) => {
        const payload = payloadOf(...settingsThatDiffer(previous, next));
        expect(applySettings(previous, payload, 0, payload.length)).toEqual(next);
      }),
    );
  });

  test("are not announced where nothing differs", () => {
    expect(settingsThatDiffer(DEFAULT_SETTINGS, { ...DEFAULT_SETTINGS })).toEqual([]);
  });

  test("without a bound are announced as the largest number", () => {
    const bounded = { ...DEFAULT_SETTINGS, maxConcurrentStreams: 5 };
    expect(settingsThatDiffer(bounded, DEFAULT_SETTINGS)).toEqual([[0x3, 0xffffffff]]);
  });

  test("that are not known are ignored, and the last of several holds", () => {
    expect(apply([0x7, 1], [0xffff, 2], [0x8, 1], [0x9, 1])).toEqual(DEFAULT_SETTINGS);
    expect(apply([0x3, 1], [0x3, 2]).maxConcurrentStreams).toBe(2);
  });

  test.each([
    ["ENABLE_PUSH of 2", 0x2, 2, ErrorCode.PROTOCOL_ERROR],
    ["ENABLE_CONNECT_PROTOCOL of 2", 0x8, 2, ErrorCode.PROTOCOL_ERROR],
    ["NO_RFC7540_PRIORITIES of 2", 0x9, 2, ErrorCode.PROTOCOL_ERROR],
    ["INITIAL_WINDOW_SIZE of 2^31", 0x4, 0x80000000, ErrorCode.FLOW_CONTROL_ERROR],
    ["MAX_FRAME_SIZE of 2^14-1", 0x5, 16_383, ErrorCode.PROTOCOL_ERROR],
    ["MAX_FRAME_SIZE of 2^24", 0x5, 0x1000000, ErrorCode.PROTOCOL_ERROR],
  ])("are refused with %s", (_, identifier, value, code) => {
    expect(() => apply([identifier, value])).toThrow(ConnectionError);
    expect(() => apply([identifier, value])).toThrow(expect.objectContaining({ code }));
  });

  test.each([
    [0x4, 0x7fffffff, "initialWindowBytes"],
    [0x5, 16_384, "maxFrameBytes"],
    [0x5, 0xffffff, "maxFrameBytes"],
    [0x1, 0, "headerTableBytes"],
  ] as const)("0x%s may be %s", (identifier, value, name) => {
    expect(apply([identifier, value])[name]).toBe(value);
  });
});
