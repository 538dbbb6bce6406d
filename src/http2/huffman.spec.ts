import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { HpackError } from "./hpack-error.ts";
import { decodeHuffman, encodeHuffman, huffmanBytes } from "./huffman.ts";
import { EOS, HUFFMAN_CODES, HUFFMAN_LENGTHS } from "./huffman-code.ts";

function encode(text: string): Buffer {
  const out = Buffer.alloc(huffmanBytes(text) + 1, 0xaa);
  const end = encodeHuffman(out, 0, text);
  expect([end, out[end]]).toEqual([huffmanBytes(text), 0xaa]);
  return out.subarray(0, end);
}

function decode(bytes: Uint8Array): string {
  return decodeHuffman(bytes, 0, bytes.length);
}

/** Bytes of a text of zeros and ones. */
function bits(text: string): Buffer {
  return Buffer.from((text.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}

test("the codes are those of RFC 7541, appendix B, at both ends of several lengths", () => {
  const codes = ["0", "t", " ", "u", ":", "z", "&", "Z", "!", "|", "\\", "ÿ", "\n", "\x16"].map((c) => {
    const symbol = c.charCodeAt(0);
    return `${c} ${HUFFMAN_CODES[symbol]?.toString(16)} ${HUFFMAN_LENGTHS[symbol]}`;
  });
  expect(codes).toEqual([
    ...["0 0 5", "t 9 5", "  14 6", "u 2d 6", ": 5c 7", "z 7b 7", "& f8 8", "Z fd 8", "! 3f8 10", "| 7fc 11"],
    ...["\\ 7fff0 19", "ÿ 3ffffee 26", "\n 3ffffffc 30", "\x16 3ffffffe 30"],
  ]);
  expect([HUFFMAN_CODES[EOS], HUFFMAN_LENGTHS[EOS]]).toEqual([0x3fffffff, 30]);
});

test("the code is complete: every sequence of bits begins with a symbol's code or is the begin of one", () => {
  expect(HUFFMAN_LENGTHS.reduce((sum, length) => sum + 2 ** -length, 0)).toBe(1);
});

test.each([
  ["www.example.com", "f1e3c2e5f23a6ba0ab90f4ff"],
  ["no-cache", "a8eb10649cbf"],
  ["custom-key", "25a849e95ba97d7f"],
  ["custom-value", "25a849e95bb8e8b4bf"],
  ["302", "6402"],
  ["private", "aec3771a4b"],
  ["Mon, 21 Oct 2013 20:13:21 GMT", "d07abe941054d444a8200595040b8166e082a62d1bff"],
  ["https://www.example.com", "9d29ad171863c78f0b97c8e9ae82ae43d3"],
  ["307", "640eff"],
  ["gzip", "9bd9ab"],
  [
    "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
    "94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
  ],
])("%j of RFC 7541, appendix C, is encoded and decoded as there", (text, hex) => {
  expect(encode(text).toString("hex")).toBe(hex);
  expect(decode(Buffer.from(hex, "hex"))).toBe(text);
});

test("every byte comes back, alone and between any two others", () => {
  const all = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte));
  for (const a of all) {
    expect(decode(encode(a))).toBe(a);
    const text = all.map((b) => b + a).join("");
    expect(decode(encode(text))).toBe(text);
  }
});

test("any bytes come back, from anywhere in a buffer", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(10), (bytes, offset) => {
      const text = Buffer.from(bytes).toString("latin1");
      const encoded = encode(text);
      const around = Buffer.concat([Buffer.alloc(offset, 0xff), encoded, Buffer.alloc(3, 0)]);
      expect(decodeHuffman(around, offset, offset + encoded.length)).toBe(text);
    }),
  );
});

test("a string that is not latin1 has no length, as it has no code", () => {
  expect(huffmanBytes(`${"e".repeat(20)}\u0161`)).toBe(Number.POSITIVE_INFINITY);
});

test("a string that is larger than what is kept for decoding comes back", () => {
  const text = "0123456789abcdef".repeat(20_000);
  expect(decode(encode(text)) === text).toBe(true);
});

test("what is decoded is what is encoded in one way only: any bytes are an error or encode to themselves", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => {
      let text: string;
      try {
        text = decode(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(HpackError);
        return;
      }
      expect(encode(text)).toEqual(Buffer.from(bytes));
    }),
    { numRuns: 3000 },
  );
});

describe("what is no Huffman code", () => {
  test.each([
    ["a padding of 8 ones", `${"00011"}${"111"}${"11111111"}`],
    ["nothing but a padding of 8 ones", "11111111"],
    ["a padding of 11 ones", `${"00011"}${"11111111111"}`],
    ["a padding of zeros", `${"00011"}${"000"}`],
    ["a padding of ones that ends in a zero", `${"00011"}${"110"}`],
    ["EOS", `${"1".repeat(30)}11`],
    ["EOS behind a symbol and before another", `${"00011"}${"1".repeat(30)}${"00011"}`],
    ["a code that is cut off after its first byte", "11111110"],
    ["a long code that is cut off", "1111111111111110"],
  ])("%s is an error", (_, text) => {
    expect(text.length % 8).toBe(0);
    expect(() => decode(bits(text))).toThrow(HpackError);
  });

  test("a padding of 1 to 7 ones is none of them", () => {
    for (const text of [
      "00011".repeat(3),
      "00011".repeat(6),
      "0001100011",
      "00011".repeat(4),
      "00011",
      "010100",
      "1011100",
    ]) {
      const padded = text.padEnd(Math.ceil(text.length / 8) * 8, "1");
      expect(encode(decode(bits(padded)))).toEqual(bits(padded));
    }
  });
});
