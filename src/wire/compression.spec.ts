import { brotliCompressSync, gzipSync } from "node:zlib";
import { Code, ConnectError } from "@connectrpc/connect";
import { compressionBrotli, compressionGzip } from "@connectrpc/connect-node";
import { describe, expect, test } from "vitest";
import { brotli, gzip } from "./compression.ts";

const MAX_BYTES = 1024 * 1024;

describe.each([
  { name: "gzip", ours: gzip, connects: compressionGzip, deflate: gzipSync },
  { name: "br", ours: brotli, connects: compressionBrotli, deflate: brotliCompressSync },
])("$name", ({ name, ours, connects, deflate }) => {
  test("has the name that peers know", () => {
    expect(ours.name).toBe(name);
  });

  test.each([0, 1, 1000, 40_000, MAX_BYTES])(
    "is read by connect-node, and reads what that wrote: %i bytes",
    async (length) => {
      const bytes = new Uint8Array(Buffer.alloc(length, "some text that repeats"));
      const there = await connects.decompress(await ours.compress(bytes), MAX_BYTES);
      expect(Buffer.from(there).equals(bytes)).toBe(true);
      const back = await ours.decompress(await connects.compress(bytes), MAX_BYTES);
      expect(Buffer.from(back).equals(bytes)).toBe(true);
    },
  );

  test.each([
    ["one byte more than is taken", MAX_BYTES + 1, MAX_BYTES],
    ["a thousand times what is taken", MAX_BYTES * 10, MAX_BYTES / 100],
    ["more than is taken where that is little", 200, 100],
  ])("refuses %s as connect-node does", async (_what, length, maxBytes) => {
    const bomb = new Uint8Array(deflate(Buffer.alloc(length)));
    const error = await ours.decompress(bomb, maxBytes).catch(ConnectError.from);
    const theirs = ConnectError.from(await connects.decompress(bomb, maxBytes).catch((thrown: unknown) => thrown));
    expect(error).toMatchObject({ code: Code.ResourceExhausted, rawMessage: theirs.rawMessage });
    expect(theirs.code).toBe(Code.ResourceExhausted);
  });

  test("takes an empty message for an empty one, as Connect's peers send it", async () => {
    expect(await ours.decompress(new Uint8Array(0), MAX_BYTES)).toHaveLength(0);
  });

  test.each([
    ["no compressed message", new Uint8Array(Buffer.from("hello, this is plain"))],
    ["one that breaks off", new Uint8Array(deflate(Buffer.alloc(10_000, "abc")).subarray(0, 20))],
  ])("takes %s as connect-node does", async (_what, bytes) => {
    const error = await ours.decompress(bytes, MAX_BYTES).catch(ConnectError.from);
    expect(error).toEqual(await connects.decompress(bytes, MAX_BYTES).catch(ConnectError.from));
  });

  test("inflates a small message while large ones wait for their turn", async () => {
    const large = new Uint8Array(deflate(Buffer.alloc(MAX_BYTES, "x")));
    const small = new Uint8Array(deflate(Buffer.from("small")));
    const settled: string[] = [];
    const larges = Array.from({ length: 8 }, async () => {
      await ours.decompress(large, MAX_BYTES);
      settled.push("large");
    });
    await ours.decompress(small, MAX_BYTES);
    settled.push("small");
    await Promise.all(larges);
    expect(settled[0]).toBe("small");
    expect(settled).toHaveLength(9);
  });
});
