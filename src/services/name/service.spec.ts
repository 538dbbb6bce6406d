import { Code } from "@connectrpc/connect";
import { ObjectId } from "bson";
import { withDomainTypes } from "portico";
import { startTest, type TestApp } from "portico/testing";
import { expect, test } from "vitest";
import { type Entry, HistoryService } from "../../../gen/name/v1/history_domain.js";
import { NameService } from "../../../gen/name/v1/name_pb.js";
import { name } from "./service.ts";

async function collect<T>(stream: AsyncIterable<T>): Promise<readonly T[]> {
  const all: T[] = [];
  for await (const each of stream) {
    all.push(each);
  }
  return all;
}

/** All entries of the history, once there are as many as are expected: they are stored behind the calls. */
async function recorded(app: TestApp, count: number): Promise<readonly Entry[]> {
  const history = app.client(withDomainTypes(HistoryService));
  for (;;) {
    const pages = await collect(history.listEntries({ pageSize: 1000 }));
    const entries = pages.flatMap((page) => page.entries);
    if (entries.length >= count) {
      return entries;
    }
  }
}

test("answers names in upper case, and tells what it has answered, when, to whom and how fast", async () => {
  await using app = await startTest(name);
  const startedAt = Date.now();
  const names = app.client(NameService);
  await names.processName({ name: "ada" }, { headers: { "x-request-id": "test-1" } });
  const stream = names.processNames(
    (async function* () {
      yield { name: "grace" };
      yield { name: "" };
    })(),
  );
  await expect(collect(stream)).rejects.toMatchObject({ code: Code.InvalidArgument });
  const entries = await recorded(app, 2);
  expect(entries).toMatchObject([
    { name: "grace", processedName: "GRACE" },
    { name: "ada", processedName: "ADA", requestId: "test-1" },
  ]); // what is no name was not processed
  const [second, first] = entries;
  expect(second?.instance.equals(first?.instance ?? "")).toBe(true);
  expect(first?.processedAt?.getTime()).toBeGreaterThanOrEqual(startedAt);
  expect(first?.tookNs.toBigInt()).toBeGreaterThan(0n);

  const history = app.client(withDomainTypes(HistoryService));
  const id = first?._id ?? new ObjectId();
  expect(await history.getEntry({ id })).toEqual({ entry: first });
  await expect(history.getEntry({ id: new ObjectId() })).rejects.toMatchObject({ code: Code.NotFound });
});

test("lists entries in pages, and goes on from any of them", async () => {
  await using app = await startTest(name);
  const names = app.client(NameService);
  await Promise.all(["a", "b", "c", "d", "e"].map((letter) => names.processName({ name: letter })));
  const all = (await recorded(app, 5)).map(({ _id }) => _id.toHexString());
  expect(all).toEqual(all.toSorted().reverse());

  const history = app.client(withDomainTypes(HistoryService));
  const pages = await collect(history.listEntries({ pageSize: 2 }));
  expect(pages.map(({ entries }) => entries.length)).toEqual([2, 2, 1]);
  expect(pages.map(({ cursor }) => cursor?.toHexString())).toEqual([all[1], all[3], undefined]);
  const rest = await collect(history.listEntries({ pageSize: 2, cursor: pages[0]?.cursor }));
  expect(rest.flatMap(({ entries }) => entries.map(({ _id }) => _id.toHexString()))).toEqual(all.slice(2));
});

test.each([0, -1, 1001])("refuses pages of %d entries", async (pageSize) => {
  await using app = await startTest(name);
  const pages = app.client(withDomainTypes(HistoryService)).listEntries({ pageSize });
  await expect(collect(pages)).rejects.toMatchObject({
    code: Code.InvalidArgument,
    rawMessage: "page_size must be 1 to 1000",
  });
});

test("keeps as many entries as it is told to", async () => {
  await using app = await startTest(name, { config: { HISTORY_MAX_ENTRIES: "3" } });
  const names = app.client(NameService);
  for (const letter of ["a", "b", "c", "d", "e"]) {
    await names.processName({ name: letter });
  }
  let entries: readonly Entry[] = [];
  do {
    entries = await recorded(app, 3);
  } while (entries[0]?.name !== "e");
  expect(entries.map(({ name }) => name)).toEqual(["e", "d", "c"]);
});

test("keeps nothing where it is told to keep none", async () => {
  await using app = await startTest(name, { config: { HISTORY_MAX_ENTRIES: "0" } });
  await app.client(NameService).processName({ name: "ada" });
  const history = app.client(withDomainTypes(HistoryService));
  expect(await collect(history.listEntries({}))).toEqual([{ entries: [] }]);
  await expect(history.getEntry({ id: new ObjectId() })).rejects.toMatchObject({ code: Code.NotFound });
});
