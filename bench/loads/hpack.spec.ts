import { expect, test } from "vitest";
import { HpackDecoder } from "../../src/http2/hpack-decoder.ts";
import { createFieldWriter } from "./hpack.ts";

test("writes blocks that say what they should, though fields that differ push others out of the table", () => {
  const write = createFieldWriter();
  const decoder = new HpackDecoder();
  const out = Buffer.alloc(4096);
  for (let call = 0; call < 5_000; call++) {
    const fields = [
      [":path", "/name.v1.NameService/ProcessName"],
      ["te", "trailers"],
      ["x-request-id", `request-${call * 7_919}`],
      ["x-raw", "\\^`"], // longer in Huffman code
    ] as const;
    const end = write(out, 0, fields);
    const decoded = decoder.decode(out, 0, end, 16_384).fields.map(({ name, value }) => [name, value]);
    expect(decoded).toEqual([[":method", "POST"], [":scheme", "http"], ...fields]);
  }
});
