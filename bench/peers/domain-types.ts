import { HistoryService } from "../../gen/name/v1/history_domain.js";
import { withDomainTypes } from "../../src/types/with-domain-types.ts";
import { implement } from "../../src/wire/implement.ts";
import { serveBare } from "./bare-port.ts";
import { documents, findEntry } from "./entries.ts";

// The same port with the same handlers, in domain types.

await serveBare([
  implement(withDomainTypes(HistoryService), {
    getEntry: ({ id }) => ({ entry: findEntry(id) }),
    async *listEntries() {
      yield { entries: [...documents.values()] };
    },
  }),
]);
