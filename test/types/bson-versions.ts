import { createRequire } from "node:module";
import type { BinaryClass, BinaryLike, UuidClass, UuidLike } from "../../src/types/binary.ts";
import type { Decimal128Class, Decimal128Like } from "../../src/types/decimal128.ts";
import type { LongClass, LongLike } from "../../src/types/long.ts";
import type { ObjectIdClass, ObjectIdLike } from "../../src/types/object-id.ts";

type Comparable = { equals(other: unknown): boolean };

/** What tests take of a version of `bson`: the same in all of them. */
export interface Bson {
  readonly ObjectId: ObjectIdClass<ObjectIdLike & Comparable>;
  readonly Binary: BinaryClass<BinaryLike> & (new (bytes: Uint8Array, subtype: number) => BinaryLike);
  readonly Long: LongClass<LongLike & Comparable> & { fromString(text: string): LongLike };
  readonly Decimal128: Decimal128Class<Decimal128Like & { readonly bytes: Uint8Array }> &
    (new (
      bytes: Uint8Array,
    ) => Decimal128Like);
}

/** One that fields' values can be made of; before, there were no UUIDs, and numbers were never unsigned. */
export interface RecentBson extends Bson {
  readonly UUID: UuidClass<UuidLike & Comparable & { toHexString(): string }>;
  readonly Long: Bson["Long"] & (new (low: number, high: number, unsigned: boolean) => LongLike);
}

export interface BsonVersion<B extends Bson> {
  readonly name: string;
  readonly bson: B;
}

const require = createRequire(import.meta.url);

function version<B extends Bson>(major: number, alias: string): BsonVersion<B> {
  return { name: `bson ${major}`, bson: require(alias) as B }; // as package.json has them
}

/** The major versions whose classes generated code may be given. */
export const recentVersions: readonly BsonVersion<RecentBson>[] = [
  version(4, "bson4"),
  version(5, "bson5"),
  version(6, "bson6"),
  version(7, "bson"),
];

/** The major versions whose values are known. */
export const versions: readonly BsonVersion<Bson>[] = [version(1, "bson1"), ...recentVersions];
