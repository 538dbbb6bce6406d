import * as fc from "fast-check";
import { expect, test } from "vitest";
import { BlockWriter } from "./block-writer.ts";
import { FieldBlock } from "./field-block.ts";
import { HpackDecoder } from "./hpack-decoder.ts";
import { Output } from "./output.ts";

const MAX_TABLE_BYTES = 4096;
const FRAME_HEADER_BYTES = 9;

const blocks = [
  new FieldBlock([
    [":status", "200"],
    ["content-type", "application/grpc+proto"],
  ]),
  new FieldBlock([["grpc-status", "0"]]),
  new FieldBlock([
    [":status", "200"],
    ["content-type", "application/json"],
    ["vary", "origin"],
  ]),
];

const lines = fc.array(
  fc.tuple(
    fc.constantFrom("x-request-id", "content-length", "content-type", "vary"),
    fc.constantFrom("1", "2", "application/json", "origin", "a".repeat(70)),
  ),
  { maxLength: 4 },
);
/** A block with lines behind it, or another size of the peer's table. */
const steps = fc.array(
  fc.oneof(
    { weight: 9, arbitrary: fc.record({ block: fc.nat(blocks.length - 1), more: lines }) },
    { weight: 1, arbitrary: fc.record({ tableBytes: fc.constantFrom(0, 60, 100, 200, MAX_TABLE_BYTES) }) },
  ),
  { minLength: 1, maxLength: 60 },
);

test("a block means the same however often it is written, whatever the table does in between", () => {
  fc.assert(
    fc.property(steps, (sequence) => {
      const output = new Output();
      const writer = new BlockWriter(output);
      const decoder = new HpackDecoder(MAX_TABLE_BYTES);
      for (const step of sequence) {
        if ("tableBytes" in step) {
          writer.peerTableBytes = step.tableBytes;
          decoder.setMaxTableBytes(step.tableBytes);
          continue;
        }
        const block = blocks[step.block] as FieldBlock; // a number below their count
        expect(writer.write(1, block, false, step.more)).toBeUndefined();
        const frame = Buffer.concat(output.take());
        const { fields } = decoder.decode(frame, FRAME_HEADER_BYTES, frame.length, 16_384);
        expect(fields.map(({ name, value }) => [name, value])).toEqual([...block.lines, ...step.more]);
      }
    }),
    { numRuns: 300 },
  );
});

test("a block that was written before takes no more than its indexes", () => {
  const output = new Output();
  const writer = new BlockWriter(output);
  const block = blocks[0] as FieldBlock;
  const lengths = Array.from({ length: 6 }, (_none, count) => {
    writer.write(1 + 2 * count, block, false);
    return Buffer.concat(output.take()).length - FRAME_HEADER_BYTES;
  });
  expect(lengths.slice(2)).toEqual([2, 2, 2, 2]);
});
