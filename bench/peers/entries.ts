import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Long, ObjectId, UUID } from "bson";
import type { Entry as EntryDocument } from "../../gen/name/v1/history_domain.js";
import { type Entry, EntrySchema, type ListEntriesResponseSchema } from "../../gen/name/v1/history_pb.js";

// Entries of name.v1.HistoryService, as messages and as what a store has, so that whoever converts has made neither.

/** Entries of a page, which is the default of the service. */
const COUNT = 100;

const facts = Array.from({ length: COUNT }, (_, at) => ({
  id: `652f${at.toString(16).padStart(20, "0")}`,
  name: `name ${at}`,
  processedAtMs: Date.UTC(2026, 10, 21) + at * 1_717,
  tookNs: 41_000n + BigInt(at) * 977n,
  requestId: `0b9e8f5c-5f43-4c59-9d0c-${at.toString().padStart(12, "0")}`,
  instance: "8f14e45f-ceea-467f-a1b4-91d1a8e0c1d2",
}));

/** As protobuf messages. */
export const messages: readonly Entry[] = facts.map(({ id, name, processedAtMs, tookNs, requestId, instance }) =>
  create(EntrySchema, {
    id: Buffer.from(id, "hex"),
    name,
    processedName: name.toUpperCase(),
    processedAt: timestampFromMs(processedAtMs),
    tookNs,
    requestId,
    instance: Buffer.from(instance.replaceAll("-", ""), "hex"),
  }),
);

/** A page of all of them. */
export const page: MessageInitShape<typeof ListEntriesResponseSchema> = {
  entries: [...messages],
  cursor: Buffer.from(facts.at(-1)?.id ?? "", "hex"),
};

/** As documents, by their ids in hexadecimal digits. */
export const documents: ReadonlyMap<string, EntryDocument> = new Map(
  facts.map(({ id, name, processedAtMs, tookNs, requestId, instance }) => [
    id,
    {
      _id: new ObjectId(id),
      name,
      processedName: name.toUpperCase(),
      processedAt: new Date(processedAtMs),
      tookNs: Long.fromBigInt(tookNs),
      requestId,
      instance: new UUID(instance),
    },
  ]),
);

/** What the handlers of both contenders answer from. */
export function findEntry(id: ObjectId): EntryDocument {
  const found = documents.get(id.toHexString());
  if (found === undefined) throw new Error(`there is no entry ${id.toHexString()}`);
  return found;
}
