import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { HpackDecoder } from "./hpack-decoder.ts";
import { HpackEncoder, maxEncodedBytes } from "./hpack-encoder.ts";

// The public corpus of other implementations' blocks (http2jp/hpack-test-case), beside the repository. Its README says what
// a story is: blocks that share their tables, and where header_table_size is acknowledged.

interface Story {
  readonly cases: readonly {
    readonly wire: string;
    readonly headers: readonly Readonly<Record<string, string>>[];
    readonly header_table_size?: number;
  }[];
}

const FOLDERS = ["go-hpack", "haskell-http2-linear-huffman", "nghttp2", "nghttp2-change-table-size"];
const root = fileURLToPath(new URL("../../../shared/data/hpack-test-case/", import.meta.url));
const isThere = existsSync(root);
const note = isThere ? "" : " (no ../shared/data/hpack-test-case here)";

function stories(folder: string): [file: string, story: Story][] {
  const files = readdirSync(`${root}${folder}`).filter((file) => file.endsWith(".json"));
  // The corpus' format, which its README defines.
  return files.map((file) => [file, JSON.parse(readFileSync(`${root}${folder}/${file}`, "utf8")) as Story]);
}

describe.skipIf(!isThere)(`every story of the HPACK corpus${note}`, () => {
  test("is in a folder that is tested here", () => {
    const folders = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(folders.map(({ name }) => name).sort()).toEqual(FOLDERS);
  });

  test.each(FOLDERS)("of %s is decoded exactly, and comes back when encoded by ours", (folder) => {
    const all = stories(folder);
    expect(all.length).toBeGreaterThan(25);
    for (const [file, { cases }] of all) {
      const theirs = new HpackDecoder();
      const ours = new HpackDecoder();
      const encoder = new HpackEncoder();
      for (const [i, { wire, headers, header_table_size: tableBytes }] of cases.entries()) {
        if (tableBytes !== undefined) {
          theirs.setMaxTableBytes(tableBytes);
          ours.setMaxTableBytes(tableBytes);
          encoder.setPeerTableBytes(tableBytes);
        }
        const lines = headers.flatMap((header) => Object.entries(header));
        expect(decode(theirs, Buffer.from(wire, "hex")), `${file}, case ${i}`).toEqual(lines);
        expect(decode(ours, encode(encoder, lines)), `${file}, case ${i}, by ours`).toEqual(lines);
      }
    }
  });
});

function decode(decoder: HpackDecoder, block: Buffer): [string, string][] {
  const { fields } = decoder.decode(block, 0, block.length, Number.POSITIVE_INFINITY);
  return fields.map(({ name, value }) => [name, value]);
}

function encode(encoder: HpackEncoder, lines: readonly (readonly [string, string])[]): Buffer {
  const out = Buffer.alloc(lines.reduce((sum, [name, value]) => sum + maxEncodedBytes(name, value), 12));
  let at = encoder.begin(out, 0);
  for (const [name, value] of lines) {
    at = encoder.encode(out, at, name, value);
  }
  return out.subarray(0, at);
}
