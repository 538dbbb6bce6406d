import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { HpackDecoder } from "./hpack-decoder.ts";
import { HpackEncoder, maxEncodedBytes } from "./hpack-encoder.ts";
import { writeInteger } from "./hpack-integer.ts";

type Line = readonly [name: string, value: string];

/** A block in a buffer of exactly the room that callers reserve. */
function encode(encoder: HpackEncoder, lines: readonly Line[]): Buffer {
  const room = lines.reduce((sum, [name, value]) => sum + maxEncodedBytes(name, value), 12);
  const out = Buffer.alloc(room);
  let at = encoder.begin(out, 0);
  expect(at).toBeLessThanOrEqual(12);
  for (const [name, value] of lines) {
    const end = encoder.encode(out, at, name, value);
    expect(end - at).toBeLessThanOrEqual(maxEncodedBytes(name, value));
    at = end;
  }
  return out.subarray(0, at);
}

function hex(encoder: HpackEncoder, ...lines: readonly Line[]): string {
  return encode(encoder, lines).toString("hex");
}

function decode(decoder: HpackDecoder, block: Buffer): Line[] {
  return decoder.decode(block, 0, block.length, 1 << 24).fields.map(({ name, value }) => [name, value]);
}

test.each([
  [10, 0x1f, "0a"],
  [1337, 0x1f, "1f9a0a"],
  [42, 0xff, "2a"],
  [31, 0x1f, "1f00"],
  [30, 0x1f, "1e"],
  [2 ** 32 - 1, 0x1f, "1fe0ffffff0f"],
])("the integer %i is written as in RFC 7541, C.1", (value, prefix, expected) => {
  const out = Buffer.alloc(8);
  expect(out.toString("hex", 0, writeInteger(out, 0, 0, prefix, value))).toBe(expected);
});

describe("a field", () => {
  test("of the static table is its index (C.2.4)", () => {
    expect(hex(new HpackEncoder(), [":method", "GET"], [":scheme", "https"], [":path", "/"])).toBe("828784");
  });

  test("that was not seen before is a literal without indexing (C.2.2), with a name of the static table or its own", () => {
    expect(hex(new HpackEncoder(), [":path", "/sample/path"])).toBe("040c2f73616d706c652f70617468");
    expect(hex(new HpackEncoder(), ["abc", "de"])).toBe("0003616263026465");
  });

  test("is inserted the second time that it is seen, in Huffman code (C.4.1), and an index from then on", () => {
    const encoder = new HpackEncoder();
    const [authority, key] = [[":authority", "www.example.com"] as const, ["custom-key", "custom-value"] as const];
    hex(encoder, authority, key);
    expect(hex(encoder, authority, key)).toBe(
      "418cf1e3c2e5f23a6ba0ab90f4ff" + "408825a849e95ba97d7f8925a849e95bb8e8b4bf",
    );
    expect(hex(encoder, authority, key)).toBe("bfbe");
    // A name of the dynamic table is an index, too.
    expect(hex(encoder, ["custom-key", "v"])).toBe("0f2f0176");
  });

  test("with a value that is always another is never inserted", () => {
    const encoder = new HpackEncoder();
    for (let i = 0; i < 200; i++) {
      hex(encoder, ["x-request-id", `id-${i}`], ["grpc-timeout", `${1000 + i}m`]);
    }
    expect(encoder.table.count).toBe(0);
  });

  test("that is larger than the whole table does not empty it by an insertion", () => {
    const encoder = new HpackEncoder(100);
    for (let i = 0; i < 3; i++) {
      hex(encoder, ["a", "b"], ["large", "x".repeat(64)]);
    }
    expect([encoder.table.count, encoder.table.at(0)?.name]).toEqual([1, "a"]);
  });

  test("with a long value is in Huffman code where that is shorter", () => {
    const [easy, hard] = ["e".repeat(64), "\\".repeat(64)];
    expect(encode(new HpackEncoder(), [["a", easy]]).length).toBe(3 + 1 + 40);
    expect(encode(new HpackEncoder(), [["a", hard]]).length).toBe(3 + 1 + 64);
    expect(encode(new HpackEncoder(), [["a", easy.slice(1)]]).length).toBe(3 + 1 + 63);
  });

  test.each(["authorization", "proxy-authorization", "cookie", "set-cookie"])(
    "%s is never indexed, however often it is sent",
    (name) => {
      const encoder = new HpackEncoder();
      const decoder = new HpackDecoder();
      for (let i = 0; i < 5; i++) {
        const block = encode(encoder, [[name, "secret"]]);
        const { fields } = decoder.decode(block, 0, block.length, 1000);
        expect(fields).toMatchObject([{ name, value: "secret", neverIndexed: true }]);
      }
      expect([encoder.table.count, decoder.table.count]).toEqual([0, 0]);
    },
  );

  test.each([
    ["a value", "x-name", "snow ☃"],
    ["a long value", "x-name", `${"a".repeat(100)}\u0161`],
    ["a name", "x-\u0161", "value"],
  ])("with %s beyond latin1 is a TypeError that names it, and leaves the table as it was", (_, name, value) => {
    const encoder = new HpackEncoder();
    for (let i = 0; i < 3; i++) {
      expect(() => encode(encoder, [[name, value]])).toThrow(name);
      expect(() => encode(encoder, [[name, value]])).toThrow(TypeError);
    }
    expect(encoder.table.count).toBe(0);
  });
});

describe("table size updates", () => {
  test("are none as long as the peer's and our own maximum are the initial ones", () => {
    const encoder = new HpackEncoder();
    encoder.setPeerTableBytes(4096);
    expect(hex(encoder, [":method", "GET"])).toBe("82");
    encoder.setPeerTableBytes(65_536);
    expect(hex(encoder, [":method", "GET"])).toBe("82");
  });

  test("announce a smaller maximum once", () => {
    const encoder = new HpackEncoder();
    encoder.setPeerTableBytes(1337);
    expect(hex(encoder, [":method", "GET"])).toBe("3f9a0a82");
    expect(hex(encoder, [":method", "GET"])).toBe("82");
  });

  test("announce the smallest and the last of several changes (RFC 7541, 4.2)", () => {
    const encoder = new HpackEncoder();
    for (const bytes of [1000, 0, 500, 4096]) {
      encoder.setPeerTableBytes(bytes);
    }
    expect(hex(encoder, [":method", "GET"])).toBe("203fe11f82");
    encoder.setPeerTableBytes(30);
    encoder.setPeerTableBytes(20);
    expect(hex(encoder)).toBe("34");
  });

  test("announce our own maximum where it is smaller than the initial one, and use of a larger one", () => {
    const small = new HpackEncoder(0);
    expect(hex(small, ["a", "b"])).toBe("20" + "0001610162");
    hex(small, ["a", "b"]);
    expect(small.table.count).toBe(0);
    const large = new HpackEncoder(65_536);
    expect(hex(large, [":method", "GET"])).toBe("82");
    large.setPeerTableBytes(1 << 30);
    expect(hex(large, [":method", "GET"])).toBe("3fe1ff0382");
  });

  test("answer a reduction of the peer's maximum even where we use less already (RFC 9113, 4.3.1)", () => {
    const encoder = new HpackEncoder();
    encoder.setPeerTableBytes(65_536);
    hex(encoder);
    encoder.setPeerTableBytes(8192);
    expect(hex(encoder)).toBe("3fe11f");
  });
});

const byteText = fc.uint8Array({ maxLength: 90 }).map((bytes) => Buffer.from(bytes).toString("latin1"));
const line = fc.tuple(
  fc.oneof(fc.constantFrom(":path", "te", "cookie", "content-type", "x-a", "x-b"), byteText),
  fc.oneof({ weight: 3, arbitrary: fc.constantFrom("", "1", "2", "trailers", "x".repeat(300)) }, byteText),
);
const peerTableBytes = fc.oneof(fc.nat(500), fc.constantFrom(0, 4096, 65_536, 2 ** 32 - 1));

test("any fields come back from a decoder, whose table stays equal, through all changes of the maximum", () => {
  const step = fc.record({
    maxima: fc.array(peerTableBytes, { maxLength: 3 }),
    lines: fc.array(line, { maxLength: 12 }),
  });
  let evictions = 0;
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), fc.constantFrom(100, 4096, 10_000), (steps, maxTableBytes) => {
      const encoder = new HpackEncoder(maxTableBytes);
      const decoder = new HpackDecoder();
      for (const { maxima, lines } of steps) {
        for (const bytes of maxima) {
          encoder.setPeerTableBytes(bytes);
          decoder.setMaxTableBytes(bytes);
        }
        const before = encoder.table.count;
        expect(decode(decoder, encode(encoder, lines))).toEqual(lines);
        expect([decoder.table.count, decoder.table.bytes, decoder.table.maxBytes]).toEqual([
          ...[encoder.table.count, encoder.table.bytes, encoder.table.maxBytes],
        ]);
        evictions += encoder.table.count < before ? 1 : 0;
        for (let age = 0; age < encoder.table.count; age++) {
          expect(decoder.table.at(age)).toEqual(encoder.table.at(age));
        }
      }
    }),
    { numRuns: 200 },
  );
  expect(evictions).toBeGreaterThan(20);
});
