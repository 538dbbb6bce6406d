import { create, type DescMessage, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { Entry, ListEntriesResponse } from "../../gen/name/v1/history_domain.js";
import { EntrySchema, ListEntriesResponseSchema } from "../../gen/name/v1/history_pb.js";
import { messages, page } from "../peers/entries.ts";
import { entryInit, entryOf, pageInit, pageOf } from "../peers/mapping-by-hand.ts";
import { takeOrders } from "./orders.ts";

// Converts messages to what handlers have, and back to messages: by the contender that the first argument names, and of the
// kind that the second does.

/** What it is to do. */
export interface ConversionOrder {
  readonly count: number;
}

type Run = (count: number) => void;

/**
 * Takes messages as they are read from the wire there and back, round and round.
 *
 * @throws Error where one comes back as another
 */
function convert<Desc extends DescMessage>(
  desc: Desc,
  originals: readonly MessageShape<Desc>[],
  thereAndBack: (message: MessageShape<Desc>) => MessageShape<Desc>,
): Run {
  const onWire = originals.map((message) => toBinary(desc, message));
  const read = onWire.map((bytes) => fromBinary(desc, bytes));
  return (count) => {
    let last = 0;
    let converted = read[last];
    for (let done = 0; done < count; done++) {
      last = done % read.length;
      converted = thereAndBack(read[last] as MessageShape<Desc>); // there is one in each place
    }
    const isSame = Buffer.compare(toBinary(desc, converted as MessageShape<Desc>), onWire[last] as Uint8Array) === 0;
    if (!isSame) throw new Error(`a ${desc.name} comes back as another`);
  };
}

const pages = Array.from({ length: 10 }, () => create(ListEntriesResponseSchema, page));

// `create` is what the chassis does with what a handler gives.
const CONVERSIONS: Readonly<Record<string, () => Run>> = {
  "by-hand entry": () => convert(EntrySchema, messages, (message) => create(EntrySchema, entryInit(entryOf(message)))),
  "by-hand page": () =>
    convert(ListEntriesResponseSchema, pages, (message) =>
      create(ListEntriesResponseSchema, pageInit(pageOf(message))),
    ),
  "domain-types entry": () =>
    convert(EntrySchema, messages, (message) => create(EntrySchema, Entry.toMessage(Entry.fromMessage(message)))),
  "domain-types page": () =>
    convert(ListEntriesResponseSchema, pages, (message) =>
      create(ListEntriesResponseSchema, ListEntriesResponse.toMessage(ListEntriesResponse.fromMessage(message))),
    ),
};

const name = process.argv.slice(2).join(" ");
const run = CONVERSIONS[name]?.();

takeOrders(async ({ count }: ConversionOrder) => {
  if (run === undefined) throw new Error(`there is no conversion ${name}`);
  run(count);
});
