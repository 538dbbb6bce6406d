import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { framesIn } from "../../test/support/frames.ts";
import { FRAME_HEADER_BYTES, FrameType } from "./frame.ts";
import { Output } from "./output.ts";

function taken(output: Output): Buffer {
  return Buffer.concat(output.take());
}

const framesOf = (bytes: Buffer) =>
  framesIn(bytes.toString("latin1")).map(({ type, flags, stream, payload }) => [
    type,
    flags,
    stream,
    payload.toString("latin1"),
  ]);

type Written = readonly [type: number, flags: number, stream: number, payload: string];

/** A way to write a frame, and what is to be read of it. */
const writing: fc.Arbitrary<readonly [write: (output: Output) => void, expected: Written]> = fc.oneof(
  fc.tuple(fc.integer({ min: 0, max: 40_000 }), fc.boolean()).map(([length, end]) => {
    const bytes = Buffer.alloc(length, "d");
    return [
      (output: Output) => output.data(3, bytes, end),
      [FrameType.DATA, end ? 1 : 0, 3, bytes.toString("latin1")] as Written,
    ] as const;
  }),
  fc.integer({ min: 0, max: 40_000 }).map((length) => {
    const bytes = Buffer.alloc(length, "h");
    const write = (output: Output) => {
      const buffer = output.reserve(FRAME_HEADER_BYTES + length);
      buffer.set(bytes, output.position + FRAME_HEADER_BYTES);
      output.frameAround(length, FrameType.HEADERS, 4, 0x7fffffff);
    };
    return [write, [FrameType.HEADERS, 4, 0x7fffffff, bytes.toString("latin1")] as Written] as const;
  }),
  fc
    .nat(0xffffffff)
    .map(
      (code) =>
        [
          (output: Output) => output.rstStream(5, code),
          [FrameType.RST_STREAM, 0, 5, numberOf(code)] as Written,
        ] as const,
    ),
  fc
    .nat(0x7fffffff)
    .map(
      (bytes) =>
        [
          (output: Output) => output.windowUpdate(0, bytes),
          [FrameType.WINDOW_UPDATE, 0, 0, numberOf(bytes)] as Written,
        ] as const,
    ),
  fc.constant([(output: Output) => output.settingsAck(), [FrameType.SETTINGS, 1, 0, ""] as Written] as const),
  fc.constant([
    (output: Output) => output.settings([[0x4, 0xffffffff]]),
    [FrameType.SETTINGS, 0, 0, `\0\x04${numberOf(0xffffffff)}`] as Written,
  ] as const),
  fc.constant([
    (output: Output) => output.ping(true, Buffer.from("..12345678"), 2),
    [FrameType.PING, 1, 0, "12345678"] as Written,
  ] as const),
  fc.constant([
    (output: Output) => output.goAway(7, 11, "calm"),
    [FrameType.GOAWAY, 0, 0, `${numberOf(7)}${numberOf(11)}calm`] as Written,
  ] as const),
);

function numberOf(value: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes.toString("latin1");
}

describe("an output", () => {
  test("gives every frame as it was written, in order, whenever it is taken and its buffers are used again", () => {
    const turns = fc.array(fc.tuple(fc.array(writing, { maxLength: 8 }), fc.boolean()), { maxLength: 6 });
    fc.assert(
      fc.property(turns, (sequence) => {
        const output = new Output();
        for (const [writings, isWritten] of sequence) {
          for (const [write] of writings) {
            write(output);
          }
          const announced = output.bytes;
          const bytes = taken(output);
          expect(bytes.length).toBe(announced);
          expect(output.bytes).toBe(0);
          expect(framesOf(bytes)).toEqual(writings.map(([, expected]) => expected));
          isWritten ? output.recycle() : output.forget();
        }
      }),
    );
  });

  test("does not write into what was taken and is still being written", () => {
    const output = new Output();
    output.rstStream(1, 8);
    const parts = output.take();
    const before = Buffer.concat(parts);
    output.forget();
    for (let count = 0; count < 5000; count++) {
      output.rstStream(3, 2);
    }
    expect(Buffer.concat(parts)).toEqual(before);
  });

  test("hands long parts of bodies on as they are, and copies short ones", () => {
    const output = new Output();
    const [long, short] = [Buffer.alloc(100_000), Buffer.from("short")];
    output.data(1, long, false);
    output.data(1, short, true);
    const parts = output.take();
    expect(parts.some((part) => part === long)).toBe(true);
    expect(parts).toHaveLength(3);
  });
});
