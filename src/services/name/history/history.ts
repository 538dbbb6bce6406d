import { Code, ConnectError } from "@connectrpc/connect";
import type { ObjectId } from "bson";
import { currentCall } from "portico";
import type { Entry } from "../../../../gen/name/v1/history_domain.js";
import { invalidField } from "../../valid-name.ts";
import { type Store, StoreUnavailableError } from "./store.ts";

const DEFAULT_PAGE_SIZE = 100;
const MAX_PAGE_SIZE = 1_000;

/** What the handlers take of a call. */
interface Reading {
  readonly signal: AbortSignal;
}

export interface Page {
  /** The newest first. */
  entries: Entry[];
  /** By which to go on; absent in the last page. */
  cursor?: ObjectId;
}

/** HistoryService, by what it answers. A store that is down is `unavailable`; the log says why. */
export interface History {
  /** @throws ConnectError `not_found`, `unavailable` */
  getEntry(request: { readonly id: ObjectId }, call: Reading): Promise<{ entry: Entry }>;
  /**
   * Reads a page once it is asked for, and at least one.
   *
   * @throws ConnectError `invalid_argument`, `unavailable`
   */
  listEntries(
    request: { readonly pageSize?: number | undefined; readonly cursor?: ObjectId | undefined },
    call: Reading,
  ): AsyncGenerator<Page>;
}

export function createHistory(store: Pick<Store, "get" | "page">): History {
  async function read<T>(action: string, work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) {
        throw error;
      }
      currentCall().log.warn(`action=${action}, status=failed, reason=${error.message}`);
      throw new ConnectError("the history cannot be read now", Code.Unavailable);
    }
  }

  return {
    async getEntry({ id }, { signal }) {
      const entry = await read("get_entry", store.get(id, signal));
      if (entry === undefined) {
        throw new ConnectError(`there is no entry ${id.toHexString()}`, Code.NotFound);
      }
      return { entry };
    },
    async *listEntries({ pageSize = DEFAULT_PAGE_SIZE, cursor }, { signal }) {
      if (!(pageSize >= 1 && pageSize <= MAX_PAGE_SIZE)) {
        throw invalidField("page_size", `must be 1 to ${MAX_PAGE_SIZE}`);
      }
      let last = cursor;
      do {
        // One more than the page has: whether it is the last one.
        const found = await read("list_entries", store.page(last, pageSize + 1, signal));
        const entries = found.slice(0, pageSize);
        last = found.length > pageSize ? entries.at(-1)?._id : undefined;
        yield { entries, ...(last !== undefined && { cursor: last }) };
      } while (last !== undefined);
    },
  };
}
