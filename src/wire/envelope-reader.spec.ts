import { Code } from "@connectrpc/connect";
import fc from "fast-check";
import { expect, test } from "vitest";
import { envelope } from "./envelope.ts";
import { EnvelopeReader } from "./envelope-reader.ts";

/** What a reader finds in a body that comes in parts. */
function read(reader: EnvelopeReader, parts: readonly Uint8Array[]) {
  const found: { flags: number; message: Buffer }[] = [];
  for (const part of parts) {
    reader.push(part);
    while (reader.take()) found.push({ flags: reader.flags, message: Buffer.from(reader.message) });
  }
  return found;
}

function cutAt(body: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const at = [0, ...cuts.map((cut) => cut % (body.length + 1)).sort((a, b) => a - b), body.length];
  return at.slice(1).map((end, index) => body.subarray(at[index], end));
}

const envelopes = fc.array(fc.record({ flags: fc.nat(255), message: fc.uint8Array({ maxLength: 3000 }) }), {
  maxLength: 8,
});

test("envelopes come out as they went in, wherever the body is cut, and all bytes are accounted for", () => {
  fc.assert(
    fc.property(envelopes, fc.array(fc.nat(), { maxLength: 30 }), (given, cuts) => {
      const body = Buffer.concat(given.map(({ flags, message }) => envelope(flags, message)));
      const reader = new EnvelopeReader(3000);
      expect(read(reader, cutAt(body, cuts))).toEqual(
        given.map(({ flags, message }) => ({ flags, message: Buffer.from(message) })),
      );
      expect(reader.isIncomplete).toBe(false);
      expect(reader.takeUsedBytes()).toBe(body.length);
    }),
  );
});

test("a body that ends within an envelope is incomplete, unless no more than the prefix has come", () => {
  const body = envelope(0, new Uint8Array(10));
  for (let length = 0; length < body.length; length++) {
    const reader = new EnvelopeReader(10);
    expect(read(reader, [body.subarray(0, length)])).toEqual([]);
    expect(reader.isIncomplete, `${length} bytes`).toBe(length !== 0 && length !== 5);
  }
});

test("a message that is too large is refused as soon as it says so", () => {
  const prefix = envelope(0, new Uint8Array(11)).subarray(0, 5);
  for (const parts of [[prefix], [prefix.subarray(0, 2), prefix.subarray(2)]]) {
    expect(() => read(new EnvelopeReader(10), parts)).toThrow(
      expect.objectContaining({
        code: Code.ResourceExhausted,
        rawMessage: "message size 11 is larger than configured readMaxBytes 10",
      }),
    );
  }
});

test("what a message only promises to be takes no room", () => {
  const before = process.memoryUsage().arrayBuffers;
  const readers = Array.from({ length: 1000 }, () => {
    const reader = new EnvelopeReader(0xffffffff);
    read(reader, [Buffer.of(0, 0xff, 0xff, 0xff, 0xff, 1)]);
    return reader;
  });
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * 1024 * 1024);
  expect(readers.every(({ isIncomplete }) => isIncomplete)).toBe(true);
});

test("what was not used is given back", () => {
  const reader = new EnvelopeReader(10);
  reader.push(Buffer.concat([envelope(0, Buffer.from("a")), envelope(0, Buffer.from("b"))]));
  expect(reader.take()).toBe(true);
  expect(Buffer.from(reader.takeRest())).toEqual(Buffer.from(envelope(0, Buffer.from("b"))));
  expect(reader.take()).toBe(false);
});
