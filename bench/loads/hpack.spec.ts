import { expect, test } from "vitest";
import { HpackDecoder } from "../../src/http2/hpack-decoder.ts";
import { createFieldWriter, type Field } from "./hpack.ts";

test.each(["http", "https"] as const)(
  "writes blocks that say what they should, though fields that differ push others out of the table, for %s",
  (scheme) => {
    const write = createFieldWriter(scheme);
    const decoder = new HpackDecoder();
    const out = Buffer.alloc(4096);
    const always: readonly Field[] = [
      [":path", "/name.v1.NameService/ProcessName"],
      ["te", "trailers"],
      ["x-raw", "\\^`"], // longer in Huffman code
    ];
    for (let call = 0; call < 5_000; call++) {
      const fields: readonly Field[] = [...always, ["x-request-id", `request-${call * 7_919}`]];
      const end = write(out, 0, fields);
      const decoded = decoder.decode(out, 0, end, 16_384).fields.map(({ name, value }) => [name, value]);
      expect(decoded).toEqual([[":method", "POST"], [":scheme", scheme], ...fields]);
    }
  },
);
