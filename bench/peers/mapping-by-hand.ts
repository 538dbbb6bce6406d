import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { Long, ObjectId, UUID } from "bson";
import type { Entry as EntryDocument, ListEntriesResponse as Page } from "../../gen/name/v1/history_domain.js";
import type {
  Entry,
  EntrySchema,
  ListEntriesResponse,
  ListEntriesResponseSchema,
} from "../../gen/name/v1/history_pb.js";

// What generated converters take the place of, as somebody writes it who looks at what it costs: with their checks, but that
// errors in a page do not say in which entry; classes are known by `instanceof`; and `Long.toBigInt` is left aside, which
// goes by way of text, as is `timestampFromDate`, which makes a message on the way.

const OBJECT_ID_BYTES = 12;
const UUID_BYTES = 16;
const NANOS_PER_MS = 1_000_000;
const MAX_NANOS = 999_999_999;
// Of the years 1 to 9999, in seconds from 1970.
const MIN_SECONDS = -62_135_596_800;
const MAX_SECONDS = 253_402_300_799;

export function entryOf({ id, name, processedName, processedAt, tookNs, requestId, instance }: Entry): EntryDocument {
  const entry: EntryDocument = {
    _id: objectIdOf(id, "id"),
    name,
    processedName,
    tookNs: Long.fromBigInt(tookNs),
    requestId,
    instance: uuidOf(instance, "instance"),
  };
  if (processedAt !== undefined) {
    entry.processedAt = dateOf(processedAt, "processed_at");
  }
  return entry;
}

export function entryInit(entry: EntryDocument): MessageInitShape<typeof EntrySchema> {
  const { _id, name, processedName, processedAt, tookNs, requestId, instance } = entry;
  return {
    id: objectIdBytes(_id, "id"),
    name,
    processedName,
    processedAt: processedAt === undefined ? undefined : timestampInit(processedAt, "processed_at"),
    tookNs: int64Of(tookNs, "took_ns"),
    requestId,
    instance: uuidBytes(instance, "instance"),
  };
}

export function pageOf({ entries, cursor }: ListEntriesResponse): Page {
  const page: Page = { entries: entries.map(entryOf) };
  if (cursor !== undefined) {
    page.cursor = objectIdOf(cursor, "cursor");
  }
  return page;
}

export function pageInit({ entries, cursor }: Page): MessageInitShape<typeof ListEntriesResponseSchema> {
  return {
    entries: entries.map(entryInit),
    cursor: cursor === undefined ? undefined : objectIdBytes(cursor, "cursor"),
  };
}

export function objectIdOf(bytes: Uint8Array, field: string): ObjectId {
  if (bytes.length !== OBJECT_ID_BYTES) throw badField(field, `must be ${OBJECT_ID_BYTES} bytes`);
  return new ObjectId(bytes);
}

function objectIdBytes(id: ObjectId, field: string): Uint8Array {
  if (!(id instanceof ObjectId)) throw misfit(field, "an ObjectId");
  return id.id;
}

function uuidOf(bytes: Uint8Array, field: string): UUID {
  if (bytes.length !== UUID_BYTES) throw badField(field, `must be ${UUID_BYTES} bytes`);
  return new UUID(bytes);
}

function uuidBytes(uuid: UUID, field: string): Uint8Array {
  if (!(uuid instanceof UUID) || uuid.buffer.length !== UUID_BYTES) throw misfit(field, "a UUID");
  return uuid.buffer;
}

function dateOf({ seconds, nanos }: Timestamp, field: string): Date {
  if (nanos % NANOS_PER_MS !== 0) throw badField(field, "must be in whole milliseconds");
  const whole = Number(seconds);
  if (!(whole >= MIN_SECONDS && whole <= MAX_SECONDS && nanos >= 0 && nanos <= MAX_NANOS)) {
    throw badField(field, "must be of the years 1 to 9999");
  }
  return new Date(whole * 1_000 + nanos / NANOS_PER_MS);
}

function timestampInit(date: Date, field: string): { readonly seconds: bigint; readonly nanos: number } {
  if (!(date instanceof Date)) throw misfit(field, "a Date");
  const milliseconds = date.getTime();
  const seconds = Math.floor(milliseconds / 1_000);
  if (!(seconds >= MIN_SECONDS && seconds <= MAX_SECONDS)) throw misfit(field, "a Date of the years 1 to 9999");
  return { seconds: BigInt(seconds), nanos: (milliseconds - seconds * 1_000) * NANOS_PER_MS };
}

function int64Of(long: Long, field: string): bigint {
  if (!(long instanceof Long) || (long.unsigned && long.high < 0)) throw misfit(field, "a Long of 64 bits with a sign");
  return (BigInt(long.high) << 32n) | BigInt(long.low >>> 0);
}

function badField(field: string, problem: string): ConnectError {
  return new ConnectError(`${field} ${problem}`, Code.InvalidArgument);
}

function misfit(field: string, what: string): TypeError {
  return new TypeError(`${field} must be ${what}`);
}
