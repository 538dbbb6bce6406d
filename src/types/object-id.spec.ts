import * as bson7 from "bson";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { recentVersions, versions } from "../../test/types/bson-versions.ts";
import { refusal } from "../../test/types/refusal.ts";
import { hexOf } from "./hex.ts";
import { type ObjectIdLike, objectIdOfBytes, objectIdOfText } from "./object-id.ts";

const twelveBytes = fc.oneof(
  fc.uint8Array({ minLength: 12, maxLength: 12 }),
  fc.constantFrom(0, 0x7f, 0x80, 0xff).map((byte) => new Uint8Array(12).fill(byte)),
);
const lengths = Array.from({ length: 41 }, (_, length) => length);

describe.each(recentVersions)("by $name", ({ name: reader, bson: { ObjectId } }) => {
  const ofBytes = objectIdOfBytes(ObjectId);
  const ofText = objectIdOfText(ObjectId);

  test("bytes and texts are ObjectIds of its class, and come back as they were", () => {
    fc.assert(
      fc.property(twelveBytes, (bytes) => {
        const hex = hexOf(bytes);
        for (const id of [ofBytes.fromWire(bytes, "id"), ofText.fromWire(hex, "id")]) {
          expect(id).toBeInstanceOf(ObjectId);
          expect(id.toHexString()).toBe(hex);
          expect(hexOf(ofBytes.toWire(id, "id"))).toBe(hex);
          expect(ofText.toWire(id, "id")).toBe(hex);
        }
      }),
    );
  });

  test("capital digits are read, and small ones written", () => {
    fc.assert(
      fc.property(twelveBytes, fc.infiniteStream(fc.boolean()), (bytes, capitals) => {
        const mixed = [...hexOf(bytes)].map((digit) => (capitals.next().value ? digit.toUpperCase() : digit)).join("");
        expect(ofText.toWire(ofText.fromWire(mixed, "id"), "id")).toBe(hexOf(bytes));
      }),
    );
  });

  // `equals` of version 6 takes whatever is called an ObjectId for its own, and throws where it is another version's.
  const comparable = versions.filter(({ name }) => name === reader || (name !== "bson 6" && reader !== "bson 6"));
  test.each(comparable)("what is read equals the ObjectId of $name that was written", ({ bson }) => {
    fc.assert(
      fc.property(twelveBytes, (bytes) => {
        const given = new bson.ObjectId(Buffer.from(bytes));
        for (const read of [
          ofBytes.fromWire(ofBytes.toWire(given, "id"), "id"),
          ofText.fromWire(ofText.toWire(given, "id"), "id"),
        ]) {
          expect(read.toHexString()).toBe(given.toHexString());
          expect(read.equals(given)).toBe(true);
          expect(given.equals(read)).toBe(true);
        }
      }),
    );
  });

  test("other lengths are refused: of bytes, and of digits, twelve of which were an ObjectId before version 5", () => {
    for (const length of lengths.filter((each) => each !== 12)) {
      const error = refusal(() => ofBytes.fromWire(new Uint8Array(length), "id"));
      expect(error).toMatchObject({ path: "id", problem: `must be 12 bytes, an ObjectId; it has ${length}` });
    }
    for (const length of lengths.filter((each) => each !== 24)) {
      const { message } = refusal(() => ofText.fromWire("a".repeat(length), "id"));
      expect(message).toBe(`id must be 24 hexadecimal digits, an ObjectId; it has ${length} characters`);
    }
  });

  test.each(["g", "G", " ", "\n", "-", "٣", "３", "é", "\0", "_"])("24 characters with %j are refused", (character) => {
    fc.assert(
      fc.property(twelveBytes, fc.nat(23), (bytes, at) => {
        const text = `${hexOf(bytes).slice(0, at)}${character}${hexOf(bytes).slice(at + 1)}`;
        const { problem } = refusal(() => ofText.fromWire(text, "id"));
        expect(problem).toBe("must be 24 hexadecimal digits, an ObjectId; it has other characters");
      }),
      { numRuns: 24 },
    );
  });
});

describe.each(versions)("an ObjectId of $name", ({ bson: { ObjectId } }) => {
  const ofBytes = objectIdOfBytes(ObjectId);
  const ofText = objectIdOfText(ObjectId);

  test("is written, however it was made", () => {
    fc.assert(
      fc.property(twelveBytes, (bytes) => {
        for (const id of [new ObjectId(Buffer.from(bytes)), new ObjectId(hexOf(bytes))]) {
          expect(hexOf(ofBytes.toWire(id, "id"))).toBe(hexOf(bytes));
          expect(ofText.toWire(id, "id")).toBe(hexOf(bytes));
        }
      }),
    );
  });
});

/** Something that a handler without types may give. */
function anything(value: unknown): ObjectIdLike {
  return value as ObjectIdLike; // which is what is tested
}

test.each<readonly [unknown, string]>([
  [undefined, "undefined"],
  [null, "null"],
  ["0123456789abcdef01234567", "a string"],
  [5, "a number"],
  [new Uint8Array(12), "an object of Uint8Array"],
  [{ toHexString: () => "0123456789abcdef01234567" }, "an object of Object"],
  [{ _bsontype: "ObjectId", toHexString: () => "0123456789abcdef01234567" }, "an object of Object"],
  [new bson7.UUID(), "a Binary of subtype 4"],
  [new bson7.Long(0), "a BSON Long"],
  [new Date(0), "an object of Date"],
  [["0123456789abcdef01234567"], "an array"],
])("%j is no ObjectId to write: it is %s", (value, kind) => {
  for (const type of [objectIdOfBytes(bson7.ObjectId), objectIdOfText(bson7.ObjectId)]) {
    expect(refusal(() => type.toWire(anything(value), "id")).message).toBe(`id must be an ObjectId; it is ${kind}`);
  }
});

test("what calls itself an ObjectId and is not of 12 bytes is refused, and not quoted", () => {
  class Broken {
    readonly _bsontype = "ObjectId";
    readonly id: Uint8Array;
    readonly toHexString: () => string;
    constructor(id: Uint8Array, text: string) {
      this.id = id;
      this.toHexString = () => text;
    }
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 20 }), fc.string(), (id, text) => {
      fc.pre(!/^[0-9a-f]{24}$/i.test(text) && id.length !== 12);
      for (const type of [objectIdOfBytes(bson7.ObjectId), objectIdOfText(bson7.ObjectId)]) {
        const { message } = refusal(() => type.toWire(new Broken(id, text), "id"));
        expect(message).toBe("id must be an ObjectId of 12 bytes");
      }
    }),
  );
});
