import { Binary, BSON, type Collection, Decimal128, type Document, Long, MongoClient, ObjectId, UUID } from "mongodb";
import { beforeAll, expect, test } from "vitest";
import { GO_BUILD_MS } from "./go-program.ts";
import { buildMongoServer, openMongo, openMongoServer, REAL_MONGO_URL } from "./mongo-server.ts";

beforeAll(async () => {
  await buildMongoServer();
}, GO_BUILD_MS);

test("reads back a document's ObjectId, Date, Long, UUID and Binary with the types and values written", async (context) => {
  await using mongo = await openMongo(context);
  await using client = new MongoClient(mongo.url);
  await expectToReadBack(client.db().collection("entries"), {
    _id: new ObjectId(),
    date: new Date("1969-12-31T23:59:59.999Z"),
    farDate: new Date(8.64e15),
    long: Long.MIN_VALUE,
    smallLong: Long.fromNumber(5),
    uuid: new UUID(),
    binary: new Binary(Uint8Array.of(0, 255)),
    emptyBinary: new Binary(new Uint8Array()),
    nested: { ids: [new ObjectId(), new ObjectId()] },
  });
});

test("reads back a Decimal128", async (context) => {
  context.skip(REAL_MONGO_URL === undefined, "FerretDB v1 has none");
  await using mongo = await openMongo(context);
  await using client = new MongoClient(mongo.url);
  const entries = client.db().collection("entries");
  await expectToReadBack(entries, { _id: new ObjectId(), price: Decimal128.fromString("-1.10") });
});

test("finds what is below an _id, from the highest down, as many as asked for", async (context) => {
  await using mongo = await openMongo(context);
  await using client = new MongoClient(mongo.url);
  const entries = client.db().collection("entries");
  const older = Array.from({ length: 300 }, (_, second) => ({ _id: new ObjectId(ObjectId.generate(second)) }));
  const cursor = new ObjectId();
  await entries.insertMany([{ _id: new ObjectId() }, { _id: cursor }, ...older]);
  const page = entries
    .find({ _id: { $lt: cursor } })
    .sort({ _id: -1 })
    .limit(120);
  expect(await page.toArray()).toEqual(older.toReversed().slice(0, 120));
});

test("says which _ids it has already, by code 11000, and inserts the others", async (context) => {
  await using mongo = await openMongo(context);
  await using client = new MongoClient(mongo.url);
  const entries = client.db().collection("entries");
  const [known, first, second] = [new ObjectId(), new ObjectId(), new ObjectId()];
  await entries.insertOne({ _id: known, isOld: true });
  const inserted = entries.insertMany([{ _id: first }, { _id: known }, { _id: second }], { ordered: false });
  await expect(inserted).rejects.toMatchObject({
    code: 11000,
    insertedCount: 2,
    writeErrors: [expect.objectContaining({ code: 11000, index: 1 })],
  });
  expect(await entries.find().sort({ _id: 1 }).toArray()).toEqual([
    { _id: known, isOld: true },
    { _id: first },
    { _id: second },
  ]);
});

test.for(["stop", "kill"] as const)("has its data and port after a %s and a start", async (end, context) => {
  await using server = await openMongoServer(context);
  await using client = new MongoClient(server.url, { serverSelectionTimeoutMS: 50 });
  const entries = client.db().collection("entries");
  const { insertedId } = await entries.insertOne({ name: "ada" });
  await server[end]();
  await expect(entries.findOne()).rejects.toThrow();
  await server.start();
  await using again = new MongoClient(server.url);
  expect(await again.db().collection("entries").findOne()).toEqual({ _id: insertedId, name: "ada" });
});

async function expectToReadBack(entries: Collection, entry: Document & { readonly _id: ObjectId }): Promise<void> {
  await entries.insertOne(entry);
  const found = await entries.findOne({ _id: entry._id }, { promoteLongs: false });
  expect(BSON.EJSON.serialize(found, { relaxed: false })).toEqual(BSON.EJSON.serialize(entry, { relaxed: false }));
}
