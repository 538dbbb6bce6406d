import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { type Codec, wishBytes } from "./wishes.ts";

/** How a body's messages are compressed, by its own word and in truth. */
export interface Coding {
  /** What the encoding's header says; undefined where there is none. */
  readonly said: string | undefined;
  readonly done: "not" | "gzip" | "br" | "deflate" | "broken gzip" | "cut gzip";
}

const same = (name: "gzip" | "br"): Coding => ({ said: name, done: name });
export const coding: fc.Arbitrary<Coding> = fc.oneof(
  { weight: 8, arbitrary: fc.constant<Coding>({ said: undefined, done: "not" }) },
  { weight: 4, arbitrary: fc.constantFrom(same("gzip"), same("br")) },
  { weight: 1, arbitrary: fc.constant<Coding>({ said: "identity", done: "not" }) },
  {
    weight: 2,
    arbitrary: fc.record({
      said: fc.constantFrom(undefined, "gzip", "br", "identity", "", "deflate", "GZIP", "gzip, br", "nothing known"),
      done: fc.constantFrom<Coding["done"]>("not", "gzip", "br", "deflate", "broken gzip", "cut gzip"),
    }),
  },
);

function compressed(bytes: Uint8Array, done: Coding["done"]): Uint8Array {
  switch (done) {
    case "not":
      return bytes;
    case "br":
      return brotliCompressSync(bytes);
    case "deflate":
      return deflateSync(bytes);
    case "gzip":
      return gzipSync(bytes);
    case "cut gzip":
      return gzipSync(bytes).subarray(0, -9);
    case "broken gzip": {
      const broken = gzipSync(bytes);
      broken.fill(0xff, 10, 14);
      return broken;
    }
  }
}

/** The body of a unary call over Connect. */
export function plainBody(codec: Codec, { done }: Coding): fc.Arbitrary<Uint8Array> {
  return wishBytes(codec).map((bytes) => (done === "not" || bytes.length === 0 ? bytes : compressed(bytes, done)));
}

const COMPRESSED = 1;
const envelopeDamage = fc.oneof(
  { weight: 14, arbitrary: fc.constant({ flags: undefined, lengthOff: 0 }) },
  {
    weight: 1,
    arbitrary: fc.record({
      flags: fc.constantFrom(undefined, 0, 1, 2, 3, 4, 0x80, 0x81, 0xff),
      lengthOff: fc.constantFrom(0, 0, 0, 1, -1, 100, 2 ** 31, 2 ** 32),
    }),
  },
);

function envelope(flags: number, message: Uint8Array, lengthOff: number): Uint8Array {
  const head = Buffer.alloc(5);
  head.writeUInt8(flags, 0);
  head.writeUInt32BE(Math.min(Math.max(0, message.length + lengthOff), 2 ** 32 - 1), 1);
  return Buffer.concat([head, message]);
}

/** A body of envelopes: mostly one, or some for a stream; sometimes with something wrong about it. */
export function envelopedBody(codec: Codec, { done }: Coding, isStream: boolean): fc.Arbitrary<Uint8Array> {
  const one = fc
    .tuple(wishBytes(codec), envelopeDamage, fc.integer({ min: 0, max: 7 }))
    .map(([bytes, { flags, lengthOff }, chance]) => {
      const isCompressed = done !== "not" && chance > 0; // a message may go without
      const message = isCompressed ? compressed(bytes, done) : bytes;
      return envelope(flags ?? (isCompressed ? COMPRESSED : 0), message, lengthOff);
    });
  const many = fc.array(one, { maxLength: isStream ? 4 : 2 });
  const count = isStream
    ? many
    : fc.oneof({ weight: 12, arbitrary: one.map((it) => [it]) }, { weight: 1, arbitrary: many });
  const tail = fc.oneof(
    { weight: 20, arbitrary: fc.constant<readonly number[]>([]) },
    {
      weight: 1,
      arbitrary: fc.constantFrom<readonly number[]>(
        [0],
        [0, 0, 0, 0],
        [2, 0, 0, 0, 2, 0x7b, 0x7d], // the end of a stream over Connect, which only servers send
        [0x80, 0, 0, 0, 0], // trailers of gRPC-Web, which only servers send
        [1, 0, 0, 0, 0],
      ),
    },
  );
  const cut = fc.oneof(
    { weight: 20, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 12 }) },
  );
  return fc.tuple(count, tail, cut).map(([envelopes, more, less]) => {
    const whole = Buffer.concat([...envelopes, Buffer.from(more)]);
    return whole.subarray(0, Math.max(0, whole.length - less));
  });
}

/** A body of gRPC-Web's text form: base64, by one text or some, sometimes not quite. */
export function textBody(bytes: Uint8Array): fc.Arbitrary<Uint8Array> {
  const whole = Buffer.from(bytes);
  const damage = fc.oneof(
    { weight: 10, arbitrary: fc.constant("none") },
    { weight: 1, arbitrary: fc.constantFrom("two texts", "cut short", "no alphabet", "white space") },
  );
  return damage.map((name) => {
    const text = whole.toString("base64");
    switch (name) {
      case "two texts":
        return Buffer.from(whole.subarray(0, 4).toString("base64") + whole.subarray(4).toString("base64"));
      case "cut short":
        return Buffer.from(text.slice(0, -1));
      case "no alphabet":
        return Buffer.from(`${text}!!!!`);
      case "white space":
        return Buffer.from(`${text}\n`);
      default:
        return Buffer.from(text);
    }
  });
}
