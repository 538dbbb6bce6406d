import { HistoryService } from "../../gen/name/v1/history_pb.js";
import { implement } from "../../src/wire/implement.ts";
import { serveBare } from "./bare-port.ts";
import { documents, findEntry } from "./entries.ts";
import { entryInit, objectIdOf, pageInit } from "./mapping-by-hand.ts";

// Our port with handlers that map messages themselves.

await serveBare([
  implement(HistoryService, {
    getEntry: ({ id }) => ({ entry: entryInit(findEntry(objectIdOf(id, "id"))) }),
    async *listEntries() {
      yield pageInit({ entries: [...documents.values()] });
    },
  }),
]);
