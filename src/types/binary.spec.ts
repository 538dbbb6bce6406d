import * as bson7 from "bson";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { recentVersions, versions } from "../../test/types/bson-versions.ts";
import { refusal } from "../../test/types/refusal.ts";
import { type BinaryLike, binaryOfBytes, type UuidLike, uuidOfBytes, uuidOfText } from "./binary.ts";
import { hexOf } from "./hex.ts";

const anyBytes = fc.uint8Array({ maxLength: 300 });
const uuidBytes = fc.oneof(
  fc.uint8Array({ minLength: 16, maxLength: 16 }),
  fc.constantFrom(0, 0xff).map((byte) => new Uint8Array(16).fill(byte)),
);
const subtypes = Array.from({ length: 256 }, (_, subtype) => subtype);

function uuidText(bytes: Uint8Array): string {
  return hexOf(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** A Binary that has room for more than it holds, as those are that are written bit by bit. */
function roomy(empty: BinaryLike & { write(bytes: Uint8Array, at: number): void }, bytes: Uint8Array): BinaryLike {
  empty.write(Buffer.from(bytes), 0);
  return empty;
}

describe.each(recentVersions)("by $name", ({ bson: { Binary, UUID } }) => {
  const binary = binaryOfBytes(Binary);
  const ofBytes = uuidOfBytes(UUID);
  const ofText = uuidOfText(UUID);

  test("bytes are a Binary of its class and of subtype 0, and come back as they were", () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        const value = binary.fromWire(bytes, "data");
        expect(value).toBeInstanceOf(Binary);
        expect(value.sub_type).toBe(0);
        expect(hexOf(binary.toWire(value, "data"))).toBe(hexOf(bytes));
      }),
    );
  });

  test("sixteen bytes, and their text, are a UUID of its class, and come back as they were", () => {
    fc.assert(
      fc.property(uuidBytes, (bytes) => {
        for (const uuid of [ofBytes.fromWire(bytes, "id"), ofText.fromWire(uuidText(bytes), "id")]) {
          expect(uuid).toBeInstanceOf(UUID);
          expect(uuid.toHexString()).toBe(uuidText(bytes));
          expect(hexOf(ofBytes.toWire(uuid, "id"))).toBe(hexOf(bytes));
          expect(ofText.toWire(uuid, "id")).toBe(uuidText(bytes));
        }
      }),
    );
  });

  test("capital digits of a UUID are read, and small ones written", () => {
    fc.assert(
      fc.property(uuidBytes, (bytes) => {
        const capitals = uuidText(bytes).toUpperCase();
        expect(ofText.toWire(ofText.fromWire(capitals, "id"), "id")).toBe(uuidText(bytes));
      }),
    );
  });

  test.each(recentVersions)("what is read is the UUID of $name that was written", ({ bson }) => {
    fc.assert(
      fc.property(uuidBytes, (bytes) => {
        const given = new bson.UUID(bytes);
        expect(ofBytes.fromWire(ofBytes.toWire(given, "id"), "id").toHexString()).toBe(given.toHexString());
        expect(ofText.fromWire(ofText.toWire(given, "id"), "id").toHexString()).toBe(given.toHexString());
      }),
    );
  });

  test("other lengths are no UUID", () => {
    for (let length = 0; length <= 40; length++) {
      if (length !== 16) {
        const { message } = refusal(() => ofBytes.fromWire(new Uint8Array(length), "id"));
        expect(message).toBe(`id must be 16 bytes, a UUID; it has ${length}`);
      }
      const digits = refusal(() => ofText.fromWire("0".repeat(length), "id"));
      expect(digits.message).toBe("id must be a UUID of 8-4-4-4-12 hexadecimal digits");
    }
  });

  test("a text that is a UUID but for a character, or for where its hyphens are, is none", () => {
    const characters = fc.constantFrom("g", "-", " ", "\n", "{", "_", "٣", "３", "\0", "");
    fc.assert(
      fc.property(uuidBytes, fc.nat(35), characters, (bytes, at, character) => {
        const text = uuidText(bytes);
        fc.pre(text[at] !== character);
        const { problem } = refusal(() =>
          ofText.fromWire(`${text.slice(0, at)}${character}${text.slice(at + 1)}`, "id"),
        );
        expect(problem).toBe("must be a UUID of 8-4-4-4-12 hexadecimal digits");
      }),
      { numRuns: 500 },
    );
  });

  test.each(["{%s}", "urn:uuid:%s", " %s", "%s\n"])("a UUID as %j is none", (form) => {
    const text = form.replace("%s", uuidText(new Uint8Array(16)));
    expect(refusal(() => ofText.fromWire(text, "id")).path).toBe("id");
  });
});

describe.each(versions)("a Binary of $name", ({ bson: { Binary } }) => {
  const type = binaryOfBytes(bson7.Binary);
  const ofBytes = uuidOfBytes(bson7.UUID);

  test("is written as far as it is filled", () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        expect(hexOf(type.toWire(new Binary(Buffer.from(bytes)), "data"))).toBe(hexOf(bytes));
        const Roomy = Binary as unknown as new () => Parameters<typeof roomy>[0]; // which all versions' classes are
        expect(hexOf(type.toWire(roomy(new Roomy(), bytes), "data"))).toBe(hexOf(bytes));
      }),
    );
  });

  test("is written as bytes where its subtype is 0, as a UUID where it is 4, and otherwise refused by its number", () => {
    const bytes = Buffer.alloc(16, 0xab);
    for (const subtype of subtypes) {
      const value = new Binary(bytes, subtype);
      const write = () => type.toWire(value, "data");
      const writeUuid = () => ofBytes.toWire(value, "id");
      if (subtype === 0) {
        expect(hexOf(write())).toBe(hexOf(bytes));
      } else {
        expect(refusal(write).message).toBe(`data must be a Binary of subtype 0; it is a Binary of subtype ${subtype}`);
      }
      if (subtype === 4) {
        expect(hexOf(writeUuid())).toBe(hexOf(bytes));
      } else {
        expect(refusal(writeUuid).message).toBe(
          `id must be a UUID (a Binary of subtype 4); it is a Binary of subtype ${subtype}`,
        );
      }
    }
  });

  test("of subtype 4 is no UUID where it is not of 16 bytes", () => {
    for (let length = 0; length <= 40; length++) {
      const value = new Binary(Buffer.alloc(length), 4);
      if (length === 16) {
        expect(hexOf(ofBytes.toWire(value, "id"))).toBe("00".repeat(16));
      } else {
        const { message } = refusal(() => ofBytes.toWire(value, "id"));
        expect(message).toBe(`id must be a UUID of 16 bytes; it has ${length}`);
      }
    }
  });
});

test("a UUID as bson 4.3 to 4.6 have it, which is no Binary, is written", () => {
  class Uuid {
    readonly _bsontype = "UUID";
    readonly id: Uint8Array;
    constructor(id: Uint8Array) {
      this.id = id;
    }
  }
  fc.assert(
    fc.property(uuidBytes, (bytes) => {
      expect(hexOf(uuidOfBytes(bson7.UUID).toWire(new Uuid(bytes), "id"))).toBe(hexOf(bytes));
      expect(uuidOfText(bson7.UUID).toWire(new Uuid(bytes), "id")).toBe(uuidText(bytes));
    }),
  );
  const { message } = refusal(() => uuidOfBytes(bson7.UUID).toWire(new Uuid(new Uint8Array(15)), "id"));
  expect(message).toBe("id must be a UUID of 16 bytes; it has 15");
});

test("plain bytes are written as a Binary's", () => {
  fc.assert(
    fc.property(anyBytes, (bytes) => {
      expect(hexOf(binaryOfBytes(bson7.Binary).toWire(bytes, "data"))).toBe(hexOf(bytes));
      expect(hexOf(binaryOfBytes(bson7.Binary).toWire(Buffer.from(bytes), "data"))).toBe(hexOf(bytes));
    }),
  );
});

const OTHERS: readonly (readonly [value: unknown, kind: string])[] = [
  [undefined, "undefined"],
  [null, "null"],
  ["00000000-0000-0000-0000-000000000000", "a string"],
  [[1, 2], "an array"],
  [new ArrayBuffer(16), "an object of ArrayBuffer"],
  [{ _bsontype: "Binary", sub_type: 0, buffer: new Uint8Array(16), position: 16 }, "an object of Object"],
  [new bson7.ObjectId(), "a BSON ObjectId"],
];

test.each(OTHERS)("%o is neither a Binary nor a UUID: it is %s", (value, kind) => {
  const [given, givenUuid] = [value as BinaryLike, value as UuidLike]; // which is what is tested
  expect(refusal(() => binaryOfBytes(bson7.Binary).toWire(given, "data")).message).toBe(
    `data must be a Binary of subtype 0; it is ${kind}`,
  );
  for (const type of [uuidOfBytes(bson7.UUID), uuidOfText(bson7.UUID)]) {
    const { message } = refusal(() => type.toWire(givenUuid, "id"));
    expect(message).toBe(`id must be a UUID (a Binary of subtype 4); it is ${kind}`);
  }
});
