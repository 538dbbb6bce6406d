import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cutAt, cuts } from "../../test/http2/cuts.ts";
import { frame, PREFACE } from "../../test/support/frames.ts";
import { ConnectionError, ErrorCode } from "./error-code.ts";
import { Flag, FrameType } from "./frame.ts";
import { FrameReader, type FrameSink } from "./frame-reader.ts";

const MAX_FRAME_BYTES = 16_384;

/** Writes down frames, those of DATA with their body in one piece, however it came. */
class Recorder implements FrameSink {
  isOver = false;
  readonly frames: string[] = [];
  #body: Buffer[] = [];
  onDataPart: () => void = () => undefined;

  onFrame(type: number, flags: number, streamId: number, bytes: Buffer, from: number, to: number): void {
    this.frames.push(`${type} ${flags} ${streamId} ${bytes.toString("hex", from, to)}`);
  }

  onDataBegin(flags: number, streamId: number, length: number): void {
    this.frames.push(`DATA ${flags} ${streamId} of ${length}`);
    this.#body = [];
  }

  onDataBytes(bytes: Buffer, from: number, to: number): void {
    expect(to).toBeGreaterThan(from);
    this.#body.push(bytes.subarray(from, to));
    this.onDataPart();
  }

  onDataEnd(flags: number, overhead: number): void {
    this.frames.push(`${Buffer.concat(this.#body).toString("hex")} ${flags} and ${overhead}`);
  }
}

function read(chunks: readonly Buffer[], expectsPreface = false): readonly string[] {
  const recorder = new Recorder();
  const reader = new FrameReader(recorder, expectsPreface, MAX_FRAME_BYTES);
  for (const chunk of chunks) {
    reader.receive(chunk);
  }
  return recorder.frames;
}

/** Frames that are right by themselves; DATA is padded or not. */
const anyFrame = fc
  .tuple(fc.constantFrom(0, 0, 1, 3, 4, 6, 8, 9, 0x40), fc.boolean(), fc.uint8Array({ maxLength: 60 }), fc.nat(20))
  .map(([type, isPadded, payload, padding]) => {
    switch (type) {
      case FrameType.DATA:
        return isPadded
          ? frame(0, Flag.PADDED, 1, Buffer.concat([Buffer.of(padding), payload, Buffer.alloc(padding)]))
          : frame(0, 0, 1, payload);
      case FrameType.RST_STREAM:
      case FrameType.WINDOW_UPDATE:
        return frame(type, 0, 1, Buffer.alloc(4, 1));
      case FrameType.SETTINGS:
        return frame(type, 0, 0, Buffer.alloc(12, 2));
      case FrameType.PING:
        return frame(type, 0, 0, Buffer.alloc(8, 3));
      default:
        return frame(type, 0, 1, payload);
    }
  });

describe("a frame reader", () => {
  test("reads the same frames however their bytes are split", () => {
    fc.assert(
      fc.property(fc.array(anyFrame, { maxLength: 12 }), cuts, fc.boolean(), (frames, shares, withPreface) => {
        const whole = Buffer.concat([...(withPreface ? [PREFACE] : []), ...frames]);
        const expected = read([whole], withPreface);
        expect(read(cutAt(whole, shares), withPreface)).toEqual(expected);
        expect(
          read(
            [...whole].map((byte) => Buffer.of(byte)),
            withPreface,
          ),
        ).toEqual(expected);
        expect(expected.filter((line) => !/ and \d+$/.test(line))).toHaveLength(frames.length);
      }),
      { numRuns: 200 },
    );
  });

  test("passes a body on as it comes, before its frame is whole", () => {
    const recorder = new Recorder();
    const parts: number[] = [];
    recorder.onDataPart = () => parts.push(recorder.frames.length);
    const reader = new FrameReader(recorder, false, MAX_FRAME_BYTES);
    reader.receive(frame(0, 0, 1, Buffer.alloc(100)).subarray(0, 50));
    expect(parts).toEqual([1]);
    expect(recorder.frames).toEqual(["DATA 0 1 of 100"]);
  });

  test("tells the padding of DATA apart from its body", () => {
    const padded = Buffer.concat([Buffer.of(3), Buffer.from("hi"), Buffer.alloc(3)]);
    expect(read([frame(0, Flag.PADDED, 1, padded)])).toEqual(["DATA 8 1 of 6", "6869 8 and 4"]);
    expect(read([frame(0, Flag.PADDED, 1, Buffer.of(0))])).toEqual(["DATA 8 1 of 1", " 8 and 1"]);
  });

  test("ignores the reserved bit of a stream's identifier", () => {
    const marked = frame(FrameType.RST_STREAM, 0, 5, Buffer.alloc(4));
    marked.writeUInt8(0x80, 5);
    expect(read([marked])).toEqual(["3 0 5 00000000"]);
  });

  test("judges a frame's length by its header alone", () => {
    const reader = new FrameReader(new Recorder(), false, MAX_FRAME_BYTES);
    const header = frame(0x40, 0, 1, Buffer.alloc(MAX_FRAME_BYTES + 1)).subarray(0, 9);
    expect(() => reader.receive(header)).toThrow(
      expect.objectContaining({ name: "ConnectionError", code: ErrorCode.FRAME_SIZE_ERROR }),
    );
  });

  test("finds a wrong preface at its first wrong byte", () => {
    const reader = new FrameReader(new Recorder(), true, MAX_FRAME_BYTES);
    reader.receive(PREFACE.subarray(0, 10));
    expect(() => reader.receive(Buffer.from("x"))).toThrow(ConnectionError);
  });

  test("reads nothing more once it is stopped, also of the chunk under way", () => {
    const recorder = new Recorder();
    const reader = new FrameReader(recorder, false, MAX_FRAME_BYTES);
    recorder.onDataPart = () => {
      recorder.isOver = true;
    };
    reader.receive(Buffer.concat([frame(0, 0, 1, Buffer.alloc(5)), frame(3, 0, 1, Buffer.alloc(4))]));
    reader.receive(frame(3, 0, 1, Buffer.alloc(4)));
    expect(recorder.frames.filter((line) => line.startsWith("3"))).toEqual([]);
  });

  test("does not keep a chunk alive for its last bytes", () => {
    const recorder = new Recorder();
    const reader = new FrameReader(recorder, false, MAX_FRAME_BYTES);
    const ping = frame(FrameType.PING, 0, 0, Buffer.from("12345678"));
    const chunk = Buffer.from(ping.subarray(0, 12));
    reader.receive(chunk);
    chunk.fill(0xff); // as a socket's buffer is used again
    reader.receive(ping.subarray(12));
    expect(recorder.frames).toEqual([`6 0 0 ${Buffer.from("12345678").toString("hex")}`]);
  });
});
