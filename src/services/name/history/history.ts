import { Code, ConnectError } from "@connectrpc/connect";
import type { ObjectId } from "bson";
import { currentCall } from "portico";
import type { Entry } from "../../../../gen/name/v1/history_domain.js";
import { invalidField } from "../../valid-name.ts";
import { createLimiter } from "./limiter.ts";
import { type Store, StoreUnavailableError } from "./store.ts";

const DEFAULT_PAGE_SIZE = 100;
const MAX_PAGE_SIZE = 1_000;
/** Reads of the store at once, over all calls: who lists may not keep the store from what is recorded. */
const MAX_READS = 4;
/** Reads that wait for their turn. */
const MAX_WAITING_READS = 100;
/** Lists that are open at once: each may keep a page while its caller is slow. */
const MAX_LISTS = 32;

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
  /** @throws ConnectError `not_found`, `unavailable`, `resource_exhausted` */
  getEntry(request: { readonly id: ObjectId }, call: Reading): Promise<{ entry: Entry }>;
  /**
   * Reads a page once it is asked for, and at least one.
   *
   * @throws ConnectError `invalid_argument`, `unavailable`, `resource_exhausted`
   */
  listEntries(
    request: { readonly pageSize?: number | undefined; readonly cursor?: ObjectId | undefined },
    call: Reading,
  ): AsyncGenerator<Page>;
}

export function createHistory(store: Pick<Store, "get" | "page">): History {
  const limiter = createLimiter({ maxRunning: MAX_READS, maxWaiting: MAX_WAITING_READS, refusal: tooMany });
  let lists = 0;

  async function read<T>(action: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    try {
      return await limiter.run(work, signal);
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) {
        throw error;
      }
      currentCall().log.warn(`action=${action}, status=failed, reason=${error.message}`);
      throw new ConnectError("the history cannot be read now", Code.Unavailable);
    }
  }

  async function* pages(size: number, cursor: ObjectId | undefined, signal: AbortSignal): AsyncGenerator<Page> {
    let last = cursor;
    do {
      // One more than the page has: whether it is the last one. The store is not given the signal: what it has begun counts
      // among its reads until it is done.
      const found = await read("list_entries", signal, () => store.page(last, size + 1));
      const entries = found.slice(0, size);
      last = found.length > size ? entries.at(-1)?._id : undefined;
      yield { entries, ...(last !== undefined && { cursor: last }) };
    } while (last !== undefined);
  }

  return {
    async getEntry({ id }, { signal }) {
      const entry = await read("get_entry", signal, () => store.get(id));
      if (entry === undefined) {
        throw new ConnectError(`there is no entry ${id.toHexString()}`, Code.NotFound);
      }
      return { entry };
    },
    async *listEntries({ pageSize = DEFAULT_PAGE_SIZE, cursor }, { signal }) {
      if (!(pageSize >= 1 && pageSize <= MAX_PAGE_SIZE)) {
        throw invalidField("page_size", `must be 1 to ${MAX_PAGE_SIZE}`);
      }
      if (lists >= MAX_LISTS) {
        throw tooMany();
      }
      lists++;
      try {
        yield* pages(pageSize, cursor, signal);
      } finally {
        lists--;
      }
    },
  };
}

function tooMany(): ConnectError {
  return new ConnectError("too many read the history now", Code.ResourceExhausted);
}
