import fc from "fast-check";
import { FLAG, frame, headerBlock, PREFACE } from "../support/frames.ts";
import { differenceBetween } from "./differences.ts";
import { boxed, outcomeOf } from "./fuzz-frames.ts";
import type { FuzzOutcome, FuzzTarget } from "./fuzz-target.ts";
import { createNodeObserver, LAST_PING, observeEngine } from "./observed.ts";
import { data, headers, type Lines, numbers, settings } from "./raw-peer.ts";

const streamId = fc.constantFrom(1, 1, 1, 3, 3, 5, 7);
const field = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom(
      ["x-a", "1"],
      ["x-b", "two words"],
      ["content-type", "text/plain"],
      ["te", "trailers"],
      ["cookie", "a=b"],
      ["x-empty", ""],
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      ["X-Upper", "1"],
      ["x space", "1"],
      ["x-nul", "a\0b"],
      ["x-line", "a\r\nb"],
      ["x-edge", " a"],
      ["connection", "close"],
      ["transfer-encoding", "chunked"],
      ["keep-alive", "1"],
      ["upgrade", "h2c"],
      ["te", "gzip"],
      ["host", "other"],
      ["host", "test"],
      ["content-length", "5"],
      ["content-length", "-1"],
      [":path", "/again"],
      [":unknown", "1"],
      ["", "1"],
    ),
  },
) as fc.Arbitrary<readonly [string, string]>; // as written above
const pseudo = fc.record({
  method: fc.constantFrom("GET", "POST", "POST", "OPTIONS", "CONNECT", "B D"),
  path: fc.constantFrom("/", "/a?b=c", "/a", "*", "a", "/a b", "/#", undefined),
  scheme: fc.constantFrom("http", "http", "http", "https", "h ttp", undefined),
  authority: fc.constantFrom("test", "test", "test", undefined),
});
const honest = fc.constant({ method: "POST", path: "/", scheme: "http", authority: "test" });
const list = fc
  .tuple(fc.oneof({ weight: 3, arbitrary: honest }, pseudo), fc.array(field, { maxLength: 3 }))
  .map(([{ method, path, scheme, authority }, fields]): Lines => {
    const lines = [
      [":method", method],
      [":scheme", scheme],
      [":path", path],
      [":authority", authority],
    ] as const;
    return [...lines.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])), ...fields];
  });

const head = fc.tuple(streamId, list, fc.boolean()).map(([id, lines, end]) => headers(id, lines, end));
const continued = fc.tuple(streamId, list, fc.boolean(), fc.nat(30)).map(([id, lines, end, at]) => {
  const block = headerBlock(lines);
  return Buffer.concat([
    frame(1, end ? FLAG.endStream : 0, id, block.subarray(0, at)),
    frame(9, FLAG.endHeaders, id, block.subarray(at)),
  ]);
});
const trailers = fc.tuple(streamId, fc.array(field, { maxLength: 2 })).map(([id, lines]) => headers(id, lines, true));
const body = fc.tuple(streamId, fc.nat(8), fc.boolean()).map(([id, length, end]) => data(id, length, end));
const padded = fc
  .tuple(streamId, fc.nat(5), fc.nat(8), fc.boolean())
  .map(([id, length, padding, end]) =>
    frame(0, 8 | (end ? 1 : 0), id, Buffer.concat([Buffer.of(padding), Buffer.alloc(length, "p"), Buffer.alloc(4)])),
  );
const other = fc.oneof(
  fc.tuple(streamId, fc.constantFrom(0, 5, 8)).map(([id, code]) => numbers(3, id, code)),
  fc.tuple(fc.constantFrom(0, 1, 3), fc.constantFrom(0, 1, 1000, 0x7fffffff)).map(([id, by]) => numbers(8, id, by)),
  fc
    .tuple(fc.integer({ min: 0, max: 7 }), fc.constantFrom(0, 1, 100, 20_000, 0x7fffffff, 0xffffffff))
    .map((of) => settings(of)),
  fc.constantFrom(0, 1).map((flags) => frame(6, flags, 0, Buffer.from("ping ...", "latin1"))),
  fc
    .tuple(streamId, fc.constantFrom(0, 1, 3))
    .map(([id, on]) => numbers(2, id, on).subarray(0, 13))
    .map(prioritized),
  fc.tuple(fc.constantFrom(0x0a, 0x40, 0xff), streamId).map(([type, id]) => frame(type, 0xff, id, Buffer.alloc(5))),
);

function prioritized(whole: Buffer): Buffer {
  return frame(2, 0, whole.readUInt32BE(5), Buffer.concat([whole.subarray(9), Buffer.of(16)]));
}

const sequence = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: head },
    { weight: 1, arbitrary: continued },
    { weight: 5, arbitrary: body },
    { weight: 1, arbitrary: padded },
    { weight: 2, arbitrary: trailers },
    { weight: 2, arbitrary: other },
  ),
  { minLength: 1, maxLength: 10 },
);

/** A byte that was changed on the way: behind the greeting, so that there is a connection at all. */
const damage = fc.option(fc.tuple(fc.nat(400), fc.integer({ min: 1, max: 255 })), { freq: 8, nil: undefined });

/** The same bytes to the engine and to node:http2: the same requests, or a difference that {@link differenceBetween} knows. */
export const differentialFuzz: FuzzTarget = {
  name: "differential",
  async run(seed, boxMs): Promise<FuzzOutcome> {
    const node = await createNodeObserver();
    const greeting = Buffer.concat([PREFACE, settings(), frame(4, FLAG.ack, 0)]);
    const property = fc.asyncProperty(sequence, damage, async (frames, damaged) => {
      const sent = Buffer.concat(frames);
      if (damaged !== undefined) {
        const [place, by] = damaged;
        sent[place % sent.length] = (sent[place % sent.length] ?? 0) ^ by;
      }
      const bytes = Buffer.concat([greeting, sent, frame(6, 0, 0, LAST_PING)]);
      const difference = differenceBetween(observeEngine(bytes), await node.observe(bytes));
      if (difference !== undefined) {
        throw new Error(`${difference}\nsent: ${sent.toString("hex")}`);
      }
    });
    const details = await fc.check(property, boxed(seed, boxMs));
    node.close();
    return outcomeOf(details);
  },
};
