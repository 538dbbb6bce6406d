import fc from "fast-check";
import { expect, test } from "vitest";
import { bytesOf, hexOf } from "./hex.ts";

test("bytes are two small digits each, and come back as they were", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      expect(hexOf(bytes)).toBe(Buffer.from(bytes).toString("hex"));
      expect(bytesOf(hexOf(bytes))).toEqual(bytes);
      expect(bytesOf(hexOf(bytes).toUpperCase())).toEqual(bytes);
    }),
  );
});

test("every byte has its digits", () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  expect(hexOf(bytes)).toBe(Buffer.from(bytes).toString("hex"));
  expect(bytesOf(hexOf(bytes))).toEqual(bytes);
});

test("a part of a buffer is only what it shows of it", () => {
  expect(hexOf(Uint8Array.of(1, 2, 3, 4).subarray(1, 3))).toBe("0203");
});
