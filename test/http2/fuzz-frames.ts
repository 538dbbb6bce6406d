import fc from "fast-check";
import { FLAG, frame, headerBlock, PREFACE } from "../support/frames.ts";
import { cutAt, cuts } from "./cuts.ts";
import type { FuzzOutcome, FuzzTarget } from "./fuzz-target.ts";
import { feed } from "./hostile-peer.ts";
import { REQUEST, settings } from "./raw-peer.ts";

const streamId = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(0, 1, 2, 3, 5, 7, 9) },
  fc.integer({ min: 0, max: 0x7fffffff }),
);
const type = fc.oneof({ weight: 20, arbitrary: fc.integer({ min: 0, max: 9 }) }, fc.integer({ min: 0, max: 255 }));
const flags = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(0, 1, 4, 5, 8, 12, 0x2d) },
  fc.integer({ min: 0, max: 255 }),
);
const number = fc
  .oneof(
    fc.constantFrom(0, 1, 100, 65_535, 0x7fffffff, 0x80000000, 0xffffffff),
    fc.integer({ min: 0, max: 0xffffffff }),
  )
  .map((value) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return bytes;
  });
const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));
const setting = fc
  .tuple(fc.integer({ min: 0, max: 7 }), number)
  .map(([identifier, value]) => Buffer.concat([Buffer.of(0, identifier), value]));
const block = fc.constantFrom(
  headerBlock(REQUEST),
  headerBlock([[":status", "200"]]),
  headerBlock([[":status", "103"]]),
  headerBlock([...REQUEST, ["content-length", "5"]]),
  headerBlock([["x-trailer", "1"]]),
  Buffer.of(0x40, 1, 0x61, 1, 0x62), // into the table
  Buffer.of(0x20),
);

/** What frames carry: for each type something that it could, and sometimes something that it could not. */
const payload = fc.oneof(
  { weight: 4, arbitrary: block },
  { weight: 3, arbitrary: number },
  { weight: 1, arbitrary: fc.tuple(number, number).map(Buffer.concat) },
  { weight: 1, arbitrary: fc.array(setting, { maxLength: 4 }).map(Buffer.concat) },
  { weight: 2, arbitrary: bytes(20) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 20_000 }).map((length) => Buffer.alloc(length)) },
  { weight: 1, arbitrary: fc.constant(Buffer.alloc(0)) },
);
const anyFrame = fc
  .tuple(type, flags, streamId, payload)
  .map(([of, flagged, id, carried]) => frame(of, flagged, id, carried));
const request = fc
  .tuple(streamId, fc.boolean(), block)
  .map(([id, end, of]) => frame(1, FLAG.endHeaders | (end ? FLAG.endStream : 0), id, of));
const data = fc
  .tuple(streamId, fc.boolean(), bytes(40))
  .map(([id, end, of]) => frame(0, end ? FLAG.endStream : 0, id, of));
const resets = fc.tuple(streamId, number).map(([id, of]) => frame(3, 0, id, of));
const update = fc.tuple(streamId, number).map(([id, of]) => frame(8, 0, id, of));
const setAnew = fc.array(setting, { maxLength: 4 }).map((of) => frame(4, 0, 0, Buffer.concat(of)));

const sequence = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: request },
    { weight: 4, arbitrary: data },
    { weight: 2, arbitrary: resets },
    { weight: 2, arbitrary: update },
    { weight: 1, arbitrary: setAnew },
    { weight: 1, arbitrary: fc.constant(frame(4, FLAG.ack, 0)) },
    { weight: 4, arbitrary: anyFrame },
    { weight: 1, arbitrary: bytes(12) }, // after which no frame is where it should be
  ),
  { maxLength: 40, size: "max" },
);

const attempt = fc.record({
  role: fc.constantFrom("server" as const, "client" as const),
  frames: sequence,
  shares: cuts,
  requests: fc.integer({ min: 0, max: 4 }),
});

/** Sequences of frames, right and wrong, into both roles. */
export const frameFuzz: FuzzTarget = {
  name: "frames",
  async run(seed, boxMs): Promise<FuzzOutcome> {
    const property = fc.property(attempt, ({ role, frames, shares, requests }) => {
      const greeting = [...(role === "server" ? [PREFACE] : []), settings(), frame(4, FLAG.ack, 0)];
      const problems = feed(
        role,
        cutAt(Buffer.concat([...greeting, ...frames]), shares),
        role === "client" ? requests : 0,
      );
      if (problems.length > 0) {
        throw new Error(problems.join("; "));
      }
    });
    return outcomeOf(await fc.check(property, boxed(seed, boxMs)));
  },
};

export function boxed(seed: number, boxMs: number) {
  return { seed, numRuns: 100_000_000, interruptAfterTimeLimit: boxMs, markInterruptAsFailure: false };
}

export function outcomeOf<T>(details: fc.RunDetails<T>): FuzzOutcome {
  const why = details.errorInstance instanceof Error ? details.errorInstance.message : "";
  return { runs: details.numRuns, failure: details.failed ? `${why}\n${fc.defaultReportMessage(details)}` : undefined };
}
