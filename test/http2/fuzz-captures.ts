import fc from "fast-check";
import { type Capture, recordCaptures } from "./captures.ts";
import { cutAt, cuts } from "./cuts.ts";
import { boxed, outcomeOf } from "./fuzz-frames.ts";
import type { FuzzOutcome, FuzzTarget } from "./fuzz-target.ts";
import { feed } from "./hostile-peer.ts";

/** A change of bytes: places are shares of the length, so that it fits any capture. */
interface Mutation {
  readonly kind: "flip" | "set" | "drop" | "double" | "splice";
  readonly at: number;
  readonly from: number;
  readonly length: number;
  readonly value: number;
}

const share = fc.double({ min: 0, max: 1, noNaN: true });
const mutation: fc.Arbitrary<Mutation> = fc.record({
  kind: fc.constantFrom("flip" as const, "set" as const, "drop" as const, "double" as const, "splice" as const),
  at: share,
  from: share,
  length: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 400 })),
  value: fc.integer({ min: 0, max: 255 }),
});

export function mutate(bytes: Buffer, { kind, at, from, length, value }: Mutation): Buffer {
  const place = Math.min(bytes.length - 1, Math.floor(at * bytes.length));
  const before = bytes.subarray(0, place);
  switch (kind) {
    case "flip":
    case "set": {
      const changed = Buffer.from(bytes);
      changed[place] = kind === "set" ? value : (bytes[place] ?? 0) ^ (1 << (value & 7));
      return changed;
    }
    case "drop":
      return Buffer.concat([before, bytes.subarray(place + length)]);
    case "double":
      return Buffer.concat([before, bytes.subarray(place, place + length), bytes.subarray(place)]);
    case "splice": {
      const other = Math.floor(from * bytes.length);
      return Buffer.concat([before, bytes.subarray(other, other + length), bytes.subarray(place)]);
    }
  }
}

const attempt = fc.record({
  index: fc.nat(1),
  role: fc.constantFrom("server" as const, "client" as const),
  mutations: fc.array(mutation, { maxLength: 6 }),
  shares: cuts,
});

/** What real peers have said, with bytes changed, lost and doubled. */
export const captureFuzz: FuzzTarget = {
  name: "captures",
  async run(seed, boxMs): Promise<FuzzOutcome> {
    const captures = await recordCaptures();
    const property = fc.property(attempt, ({ index, role, mutations, shares }) => {
      const { fromClient, fromServer } = captures[index] as Capture; // there are two
      const whole = mutations.reduce(mutate, role === "server" ? fromClient : fromServer);
      const problems = feed(role, cutAt(whole, shares), role === "server" ? 0 : 4);
      if (problems.length > 0) {
        throw new Error(`${problems.join("; ")}\n${whole.toString("hex")}`);
      }
    });
    return outcomeOf(await fc.check(property, boxed(seed, boxMs)));
  },
};
