import { Code, ConnectError } from "@connectrpc/connect";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { gatherBody, gatherEnvelopes, type Hold } from "./gather.ts";

const MAX_BYTES = 1000;
const granted: Hold = () => true;

async function* body(parts: Iterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  yield* parts;
}

async function all(pieces: AsyncIterable<Uint8Array>): Promise<readonly Buffer[]> {
  const read: Buffer[] = [];
  for await (const piece of pieces) {
    read.push(Buffer.from(piece));
  }
  return read;
}

function envelope(length: number, promised = length): Buffer {
  const bytes = Buffer.alloc(5 + length, 7);
  bytes[0] = 0;
  bytes.writeUInt32BE(promised, 1);
  return bytes;
}

function bytesOf(bytes: Uint8Array): readonly Uint8Array[] {
  return [...bytes].map((byte) => Uint8Array.of(byte));
}

/** Remembers what was held. */
function account(limitBytes = Number.POSITIVE_INFINITY) {
  const holds: number[] = [];
  return {
    holds,
    hold(bytes: number) {
      if (bytes > limitBytes) return false;
      holds.push(bytes);
      return true;
    },
  };
}

describe("a body", () => {
  test("comes in one piece, however it was split", async () => {
    const bytes = Buffer.from("the whole of it");
    expect(await all(gatherBody(body(bytesOf(bytes)), MAX_BYTES, granted))).toEqual([bytes]);
  });

  test("that came in one piece is not copied", async () => {
    const bytes = Buffer.from("one");
    const { value } = await gatherBody(body([bytes]), MAX_BYTES, granted).next();
    expect(value).toBe(bytes);
  });

  test("that is empty has no piece", async () => {
    expect(await all(gatherBody(body([]), MAX_BYTES, granted))).toEqual([]);
  });

  test("is read no further than to what is too large", async () => {
    let taken = 0;
    function* endless() {
      for (;;) {
        taken++;
        yield Buffer.alloc(100);
      }
    }
    const [piece] = await all(gatherBody(body(endless()), MAX_BYTES, granted));
    expect(piece).toHaveLength(1100);
    expect(taken).toBe(11);
  });
});

describe("envelopes", () => {
  test("come whole, however they were split", async () => {
    const message = fc.integer({ min: 0, max: MAX_BYTES });
    const cuts = fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1 });
    await fc.assert(
      fc.asyncProperty(fc.array(message, { maxLength: 5 }), cuts, async (lengths, sizes) => {
        const bytes = Buffer.concat(lengths.map((length) => envelope(length)));
        const parts: Buffer[] = [];
        for (let at = 0, index = 0; at < bytes.length; index++) {
          const end = at + (sizes[index % sizes.length] ?? 1);
          parts.push(bytes.subarray(at, end));
          at = end;
        }
        const pieces = await all(gatherEnvelopes(body(parts), MAX_BYTES, granted));
        expect(Buffer.concat(pieces).equals(bytes)).toBe(true);
        for (const piece of pieces) {
          let at = 0;
          while (at < piece.length) at += 5 + piece.readUInt32BE(at + 1);
          expect(at).toBe(piece.length);
        }
      }),
    );
  });

  test("that came whole are not copied", async () => {
    const bytes = Buffer.concat([envelope(3), envelope(4)]);
    const { value } = await gatherEnvelopes(body([bytes]), MAX_BYTES, granted).next();
    expect(value?.buffer).toBe(bytes.buffer);
    expect(value).toHaveLength(bytes.length);
  });

  test("that promise too much are passed on by their beginning, before the rest has come", async () => {
    const prefix = envelope(0, MAX_BYTES + 1);
    for (const parts of [[prefix, envelope(1)], bytesOf(prefix), [Buffer.concat([envelope(2), prefix])]]) {
      const pieces = gatherEnvelopes(body(parts), MAX_BYTES, granted);
      const { value } = await pieces.next();
      expect(Buffer.from(value ?? []).subarray(-5)).toEqual(prefix);
    }
  });

  test("that break off are passed on as far as they came", async () => {
    const bytes = envelope(3, 9);
    expect(await all(gatherEnvelopes(body(bytesOf(bytes)), MAX_BYTES, granted))).toEqual([bytes]);
  });

  test("set no room aside for what they only promise", async () => {
    const { holds, hold } = account();
    await all(gatherEnvelopes(body([envelope(1, 4_000_000)]), 4_000_000, hold));
    expect(Math.max(...holds)).toBeLessThan(10_000);
  });

  test("are given back once they are read, and at the end", async () => {
    const { holds, hold } = account();
    const pieces = gatherEnvelopes(body([...bytesOf(envelope(1)), ...bytesOf(envelope(2))]), MAX_BYTES, hold);
    await pieces.next();
    expect(holds.at(-1)).toBeGreaterThan(0);
    await pieces.next();
    expect(holds).toContain(0);
    await pieces.return();
    expect(holds.at(-1)).toBe(0);
  });
});

describe.each([
  ["a body", gatherBody],
  ["an envelope", gatherEnvelopes],
])("%s", (_what, gather) => {
  test("has resource_exhausted where it may not be kept, and what was kept is given back", async () => {
    const { holds, hold } = account(100_000);
    const parts = [envelope(0, 900_000), ...Array.from({ length: 900 }, () => Buffer.alloc(1000))];
    const error = await all(gather(body(parts), 1_000_000, hold)).catch(ConnectError.from);
    expect(error).toMatchObject({ code: Code.ResourceExhausted });
    expect(holds.at(-1)).toBe(0);
  });

  test("costs linear time byte by byte", async () => {
    const { holds, hold } = account();
    const size = 128 * 1024;
    const pieces = await all(gather(body(bytesOf(envelope(size))), size + 5, hold));
    expect(Buffer.concat(pieces)).toHaveLength(size + 5);
    expect(holds.length).toBeLessThan(12); // each is a copy of all that came before
    expect(Math.max(...holds)).toBeLessThan(2 * size);
  });
});
