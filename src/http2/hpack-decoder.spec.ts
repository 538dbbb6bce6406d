import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { HpackDecoder } from "./hpack-decoder.ts";
import { HpackError } from "./hpack-error.ts";

const LARGE = 1 << 20;

function decode(decoder: HpackDecoder, block: string | Uint8Array, maxListBytes = LARGE) {
  const bytes = typeof block === "string" ? Buffer.from(block.replaceAll(" ", ""), "hex") : block;
  return decoder.decode(bytes, 0, bytes.length, maxListBytes);
}

function lines(decoder: HpackDecoder, block: string): string[] {
  return decode(decoder, block).fields.map(({ name, value }) => `${name}: ${value}`);
}

function tableOf({ table }: HpackDecoder): string[] {
  return Array.from({ length: table.count }, (_, age) => `${table.at(age)?.name}: ${table.at(age)?.value}`);
}

describe("RFC 7541, appendix C", () => {
  test.each([
    ["C.2.1", "400a637573746f6d2d6b65790d637573746f6d2d686561646572", "custom-key: custom-header", 55, false],
    ["C.2.2", "040c2f73616d706c652f70617468", ":path: /sample/path", 0, false],
    ["C.2.3", "100870617373776f726406736563726574", "password: secret", 0, true],
    ["C.2.4", "82", ":method: GET", 0, false],
  ])("%s is decoded exactly", (_, block, line, tableBytes, neverIndexed) => {
    const decoder = new HpackDecoder();
    const { fields, listBytes } = decode(decoder, block);
    expect(fields.map(({ name, value }) => `${name}: ${value}`)).toEqual([line]);
    expect(fields[0]?.neverIndexed).toBe(neverIndexed);
    expect(listBytes).toBe(line.length - 2 + 32);
    expect(tableOf(decoder)).toEqual(tableBytes === 0 ? [] : [line]);
    expect(decoder.table.bytes).toBe(tableBytes);
  });

  const get = (scheme: string, path: string) => [":method: GET", `:scheme: ${scheme}`, `:path: ${path}`];
  const authority = ":authority: www.example.com";
  const requests = [
    { lines: [...get("http", "/"), authority], table: [authority], bytes: 57 },
    {
      lines: [...get("http", "/"), authority, "cache-control: no-cache"],
      table: ["cache-control: no-cache", authority],
      bytes: 110,
    },
    {
      lines: [...get("https", "/index.html"), authority, "custom-key: custom-value"],
      table: ["custom-key: custom-value", "cache-control: no-cache", authority],
      bytes: 164,
    },
  ];
  const [cacheControl, location] = ["cache-control: private", "location: https://www.example.com"];
  const date = (second: number) => `date: Mon, 21 Oct 2013 20:13:${second} GMT`;
  const setCookie = "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1";
  const responses = [
    {
      lines: [":status: 302", cacheControl, date(21), location],
      table: [location, date(21), cacheControl, ":status: 302"],
      bytes: 222,
    },
    {
      lines: [":status: 307", cacheControl, date(21), location],
      table: [":status: 307", location, date(21), cacheControl],
      bytes: 222,
    },
    {
      lines: [":status: 200", cacheControl, date(22), location, "content-encoding: gzip", setCookie],
      table: [setCookie, "content-encoding: gzip", date(22)],
      bytes: 215,
    },
  ];

  test.each([
    [
      "C.3: requests without Huffman code",
      4096,
      requests,
      [
        "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "8286 84be 5808 6e6f 2d63 6163 6865",
        "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
      ],
    ],
    [
      "C.4: requests with Huffman code",
      4096,
      requests,
      [
        "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
        "8286 84be 5886 a8eb 1064 9cbf",
        "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
      ],
    ],
    [
      "C.5: responses without Huffman code",
      256,
      responses,
      [
        `4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d
         546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d`,
        "4803 3330 37c1 c0bf",
        `88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f
         6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b
         2076 6572 7369 6f6e 3d31`,
      ],
    ],
    [
      "C.6: responses with Huffman code",
      256,
      responses,
      [
        `4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7
         8f0b 97c8 e9ae 82ae 43d3`,
        "4883 640e ffc1 c0bf",
        `88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335
         dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07`,
      ],
    ],
  ])("%s are decoded exactly, with the table after each", (_, maxTableBytes, expected, blocks) => {
    const decoder = new HpackDecoder(maxTableBytes);
    for (const [i, block] of blocks.entries()) {
      expect(lines(decoder, block.replaceAll(/\s/g, ""))).toEqual(expected[i]?.lines);
      expect(tableOf(decoder)).toEqual(expected[i]?.table);
      expect(decoder.table.bytes).toBe(expected[i]?.bytes);
    }
  });
});

describe("a malformed block", () => {
  test.each([
    ["index 0", "80"],
    ["an index beyond an empty table", "be"],
    ["a name of an index beyond an empty table", "7e 01 61"],
    ["an integer of five bytes beyond its prefix", "ff 80 80 80 80 00"],
    ["an integer that does not end", "ff ff ff ff ff ff ff ff ff ff"],
    ["an index that is cut off", "ff"],
    ["an index that is cut off within", "ff 80"],
    ["a literal without name", "40"],
    ["a literal whose name is cut off", "40 03 61 62"],
    ["a literal without value", "40 01 61"],
    ["a literal whose value is cut off", "00 01 61 02 62"],
    ["a literal whose length is cut off", "00 01 61 7f"],
    ["a string of nearly 2^28 bytes", "00 7f ff ff ff 7f 61"],
    ["a Huffman padding of eight ones", "00 01 61 81 ff"],
    ["a table size update after a field", "82 20"],
    ["a third table size update", "20 20 20 82"],
    ["a table size update above the announced maximum", "3f e2 1f"],
    ["a table size update that is cut off", "3f"],
  ])("with %s is an HpackError", (_, block) => {
    expect(() => decode(new HpackDecoder(), block)).toThrow(HpackError);
  });

  test("is none for an integer with superfluous zeros within the limit", () => {
    expect(lines(new HpackDecoder(), "0f 80 80 80 00 01 61")).toEqual(["accept-charset: a"]);
  });

  test("does not reach beyond its end into what follows it", () => {
    const bytes = Buffer.from("000161026263", "hex");
    expect(() => new HpackDecoder().decode(bytes, 0, 5, LARGE)).toThrow(HpackError);
    expect(new HpackDecoder().decode(bytes, 0, 6, LARGE).fields).toHaveLength(1);
  });
});

test("any bytes are decoded or are an HpackError, whatever the blocks before them were", () => {
  const nasty = fc.constantFrom(0x00, 0x0f, 0x10, 0x1f, 0x20, 0x3f, 0x40, 0x7f, 0x80, 0x81, 0xbe, 0xbf, 0xff);
  const block = fc.array(fc.oneof(nasty, fc.nat(255)), { maxLength: 80 });
  fc.assert(
    fc.property(fc.array(block, { minLength: 1, maxLength: 6 }), fc.nat(300), (blocks, maxListBytes) => {
      const decoder = new HpackDecoder();
      try {
        for (const bytes of blocks) {
          const { fields, listBytes } = decode(decoder, Uint8Array.from(bytes), maxListBytes);
          const kept = fields.reduce((sum, { size }) => sum + size, 0);
          expect(kept).toBeLessThanOrEqual(Math.min(maxListBytes, listBytes));
          expect(decoder.table.bytes).toBeLessThanOrEqual(decoder.table.maxBytes);
        }
      } catch (error) {
        expect(error).toBeInstanceOf(HpackError);
      }
    }),
    { numRuns: 5000 },
  );
});

test("what is decoded does not change with the bytes it was decoded from", () => {
  const bytes = Buffer.from("400a637573746f6d2d6b65790d637573746f6d2d686561646572", "hex");
  const { fields } = decode(new HpackDecoder(), bytes);
  bytes.fill(0);
  expect(fields[0]).toMatchObject({ name: "custom-key", value: "custom-header" });
});

describe("the limit of the list", () => {
  test("ends what is kept, while all is counted and goes into the table", () => {
    const decoder = new HpackDecoder();
    const { fields, listBytes } = decode(decoder, "82 400161 0162 400163 0164 84", 42 + 34);
    expect(fields.map(({ name }) => name)).toEqual([":method", "a"]);
    expect(listBytes).toBe(42 + 34 + 34 + 38);
    expect(tableOf(decoder)).toEqual(["c: d", "a: b"]);
  });

  test("makes a bomb of one-byte indexes cost no memory and little time", () => {
    const decoder = new HpackDecoder();
    const value = Buffer.alloc(4000, 0x78);
    decode(decoder, Buffer.concat([Buffer.from("4001617fa11e", "hex"), value]));
    expect(decoder.table.bytes).toBe(4033);
    const bomb = Buffer.alloc(1 << 20, 0xbe);
    const { fields, listBytes } = decode(decoder, bomb, 16_384);
    expect(fields).toHaveLength(4);
    expect(listBytes).toBe(4033 * bomb.length);
    expect(new Set(fields).size).toBe(1);
  });
});

describe("the version", () => {
  test("grows with insertions and size updates, and with nothing else", () => {
    const decoder = new HpackDecoder();
    const versions = ["82", "000161 0162", "100161 0162", "400161 0162", "be", "3fe11f", "20", "82"].map((block) => {
      const before = decoder.version;
      decode(decoder, block);
      return decoder.version > before;
    });
    expect(versions).toEqual([false, false, false, true, false, true, true, false]);
  });

  test("grows with an insertion that only evicts", () => {
    const decoder = new HpackDecoder(64);
    decode(decoder, "400161 0162");
    const { version } = decoder;
    decode(decoder, `400161 28${"78".repeat(40)}`);
    expect(decoder.version).toBeGreaterThan(version);
    expect(decoder.table.count).toBe(0);
  });
});

describe("a table size update", () => {
  test("of several bytes is taken as it is (C.1.2: 1337)", () => {
    const decoder = new HpackDecoder();
    decode(decoder, "3f9a0a");
    expect(decoder.table.maxBytes).toBe(1337);
  });

  test("may come twice: what the smaller one evicts stays away", () => {
    const decoder = new HpackDecoder();
    decode(decoder, "400161 0162");
    decode(decoder, "20 3fe11f 82");
    expect([decoder.table.count, decoder.table.maxBytes]).toEqual([0, 4096]);
  });

  test("may raise the table to an announced maximum above 4096, where it is not by itself", () => {
    const decoder = new HpackDecoder(65_536);
    expect(decoder.table.maxBytes).toBe(4096);
    decode(decoder, "3fe1ff03");
    expect(decoder.table.maxBytes).toBe(65_536);
  });

  test("is owed after the acknowledgement of a smaller maximum, and has to reach the smallest", () => {
    const owing = () => {
      const decoder = new HpackDecoder();
      decoder.setMaxTableBytes(31);
      decoder.setMaxTableBytes(4096);
      return decoder;
    };
    expect(() => decode(owing(), "82")).toThrow(HpackError);
    expect(() => decode(owing(), "3f01 82")).toThrow(HpackError);
    const decoder = owing();
    expect(lines(decoder, "3f00 3fe11f 82")).toEqual([":method: GET"]);
    expect(lines(decoder, "82")).toEqual([":method: GET"]);
  });

  test("is not owed where the table is no larger", () => {
    const decoder = new HpackDecoder();
    decode(decoder, "3f00");
    decoder.setMaxTableBytes(31);
    expect(lines(decoder, "82")).toEqual([":method: GET"]);
    expect(() => decode(decoder, "3f01")).toThrow(HpackError);
  });
});
