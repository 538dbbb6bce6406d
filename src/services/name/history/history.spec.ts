import { Code, ConnectError } from "@connectrpc/connect";
import { Long, ObjectId, UUID } from "bson";
import { inCall } from "portico/testing";
import { expect, test } from "vitest";
import { BadRequestSchema } from "../../../../gen/google/rpc/error_details_pb.js";
import type { Entry } from "../../../../gen/name/v1/history_domain.js";
import { createHistory, type Page } from "./history.ts";
import { openSqliteStore } from "./sqlite-store.ts";
import { type Store, StoreUnavailableError } from "./store.ts";

const call = { signal: new AbortController().signal };

function entriesFrom(first: number, count: number): readonly Entry[] {
  const instance = new UUID();
  return Array.from({ length: count }, (_, index) => {
    const _id = new ObjectId(ObjectId.generate(first + index));
    return { _id, name: `${first + index}`, processedName: "", tookNs: Long.ONE, requestId: "", instance };
  });
}

/** A history over an embedded store, and how often that was asked for a page. */
async function openHistory(entries: readonly Entry[]) {
  const store = await openSqliteStore({ folder: undefined, maxEntries: 10_000, onHealth: () => undefined });
  await store.insert(entries);
  const reads: number[] = [];
  const counted: Store = {
    ...store,
    page(before, size, signal) {
      reads.push(size);
      return store.page(before, size, signal);
    },
  };
  const dispose = () => store[Symbol.asyncDispose]();
  return { history: createHistory(counted), store, reads, [Symbol.asyncDispose]: dispose };
}

async function collect(pages: AsyncIterable<Page>): Promise<readonly Page[]> {
  const collected: Page[] = [];
  for await (const page of pages) collected.push(page);
  return collected;
}

const namesOf = (pages: readonly Page[]) => pages.map(({ entries }) => entries.map(({ name }) => Number(name)));

test("answers an entry by its id", async () => {
  const [entry] = entriesFrom(1, 1) as [Entry];
  await using place = await openHistory([entry]);
  expect(await place.history.getEntry({ id: entry._id }, call)).toEqual({ entry });
});

test("says not_found of an id that is none of an entry, and which", async () => {
  await using place = await openHistory([]);
  const id = new ObjectId();
  const error = await place.history.getEntry({ id }, call).catch(ConnectError.from);
  expect(error).toMatchObject({ code: Code.NotFound, rawMessage: `there is no entry ${id.toHexString()}` });
});

test("lists all entries page by page, the newest first, with a cursor in all pages but the last", async () => {
  const all = entriesFrom(1, 25);
  await using place = await openHistory(all);
  const pages = await collect(place.history.listEntries({ pageSize: 10 }, call));
  expect(namesOf(pages)).toEqual([
    [25, 24, 23, 22, 21, 20, 19, 18, 17, 16],
    [15, 14, 13, 12, 11, 10, 9, 8, 7, 6],
    [5, 4, 3, 2, 1],
  ]);
  expect(pages.map(({ cursor }) => cursor)).toEqual([all[15]?._id, all[5]?._id, undefined]);
  expect(pages.map((page) => "cursor" in page)).toEqual([true, true, false]);
});

test("knows the last page also where it is full", async () => {
  await using place = await openHistory(entriesFrom(1, 20));
  const pages = await collect(place.history.listEntries({ pageSize: 10 }, call));
  expect(pages.map(({ cursor }) => cursor !== undefined)).toEqual([true, false]);
});

test("goes on after the cursor of a page, whatever has come since", async () => {
  await using place = await openHistory(entriesFrom(1, 10));
  const [first] = await collect(place.history.listEntries({ pageSize: 4 }, call));
  await place.store.insert(entriesFrom(100, 10));
  const pages = await collect(place.history.listEntries({ cursor: first?.cursor }, call));
  expect(namesOf(pages)).toEqual([[6, 5, 4, 3, 2, 1]]);
});

test("an empty history is one page without entries", async () => {
  await using place = await openHistory([]);
  expect(await collect(place.history.listEntries({}, call))).toEqual([{ entries: [] }]);
});

test("a page has 100 entries unless the caller says otherwise", async () => {
  await using place = await openHistory(entriesFrom(1, 250));
  const pages = await collect(place.history.listEntries({}, call));
  expect(pages.map(({ entries }) => entries.length)).toEqual([100, 100, 50]);
});

test("reads a page once it is asked for", async () => {
  await using place = await openHistory(entriesFrom(1, 10));
  const pages = place.history.listEntries({ pageSize: 2 }, call);
  expect(place.reads).toEqual([]);
  await pages.next();
  await pages.next();
  expect(place.reads).toHaveLength(2);
  await pages.return(undefined);
});

test.each([0, -1, 1_001, 2 ** 31 - 1])(
  "a page of %d entries is invalid, by the field's name, before anything is read",
  async (pageSize) => {
    await using place = await openHistory([]);
    const error = await collect(place.history.listEntries({ pageSize }, call)).catch(ConnectError.from);
    expect(error).toMatchObject({ code: Code.InvalidArgument, rawMessage: "page_size must be 1 to 1000" });
    expect((error as ConnectError).findDetails(BadRequestSchema)[0]?.fieldViolations[0]?.field).toBe("page_size");
    expect(place.reads).toEqual([]);
  },
);

test.each([1, 1_000])("a page of %d entries is valid", async (pageSize) => {
  await using place = await openHistory(entriesFrom(1, 3));
  expect(namesOf(await collect(place.history.listEntries({ pageSize }, call))).flat()).toEqual([3, 2, 1]);
});

test("a store that is down is unavailable to callers, who are told no more, and the log says why", async () => {
  const lines: unknown[] = [];
  const down = async () => {
    throw new StoreUnavailableError("connect ECONNREFUSED 10.1.2.3:27017");
  };
  const history = createHistory({ get: down, page: down });
  const quiet = () => undefined;
  const log = { debug: quiet, info: quiet, warn: (line: unknown) => void lines.push(line), error: quiet };
  const errors = await inCall({ log }, async () => [
    await history.getEntry({ id: new ObjectId() }, call).catch((error: unknown) => error),
    await collect(history.listEntries({}, call)).catch((error: unknown) => error),
  ]);
  for (const error of errors) {
    expect(error).toBeInstanceOf(ConnectError);
    expect(error).toMatchObject({
      code: Code.Unavailable,
      rawMessage: "the history cannot be read now",
      cause: undefined,
    });
  }
  expect(lines).toEqual([
    "action=get_entry, status=failed, reason=connect ECONNREFUSED 10.1.2.3:27017",
    "action=list_entries, status=failed, reason=connect ECONNREFUSED 10.1.2.3:27017",
  ]);
});

test("what ended the call goes on as it is, and so does what nobody expected", async () => {
  const unexpected = new Error("a mistake of ours");
  const broken = async () => {
    throw unexpected;
  };
  const history = createHistory({ get: broken, page: broken });
  await expect(history.getEntry({ id: new ObjectId() }, call)).rejects.toBe(unexpected);
  await using place = await openHistory([]);
  const reason = new ConnectError("the deadline of the call has passed", Code.DeadlineExceeded);
  const ended = { signal: AbortSignal.abort(reason) };
  await expect(place.history.getEntry({ id: new ObjectId() }, ended)).rejects.toBe(reason);
});

/** A history over a store that answers once it is let. */
function slowHistory() {
  const gate = Promise.withResolvers<void>();
  let reads = 0;
  const get = async () => {
    reads++;
    await gate.promise;
    return undefined;
  };
  const page = async () => {
    reads++;
    return entriesFrom(1, 2);
  };
  return { history: createHistory({ get, page }), open: gate.resolve, reads: () => reads };
}

const tooMany = { code: Code.ResourceExhausted, rawMessage: "too many read the history now" };

test("four reads are under way at once, a hundred wait, and more are refused", async () => {
  const { history, open, reads } = slowHistory();
  const asked = Array.from({ length: 104 }, () =>
    history.getEntry({ id: new ObjectId() }, call).catch(ConnectError.from),
  );
  await expect(history.getEntry({ id: new ObjectId() }, call)).rejects.toMatchObject(tooMany);
  expect(reads()).toBe(4);
  open();
  for (const each of await Promise.all(asked)) expect(each).toMatchObject({ code: Code.NotFound });
  expect(reads()).toBe(104);
});

test("32 lists are open at once, whether read or not, and one that is closed or at its end makes room", async () => {
  const { history } = slowHistory();
  const begin = async () => {
    const list = history.listEntries({ pageSize: 1 }, call);
    await list.next();
    return list;
  };
  const lists = await Promise.all(Array.from({ length: 32 }, begin));
  await expect(begin()).rejects.toMatchObject(tooMany);
  await lists[0]?.return(undefined);
  await begin();
  await expect(begin()).rejects.toMatchObject(tooMany);
  await collect(history.listEntries({ pageSize: 0 }, call)).catch(() => undefined); // never open, and frees nothing
  await expect(begin()).rejects.toMatchObject(tooMany);
});
