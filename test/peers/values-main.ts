import { Binary, Decimal128, Long, ObjectId, UUID } from "bson";
import { defineService, implement, run, withDomainTypes } from "portico";
import { ValuesService } from "../types/gen/test/types/v1/services_domain.js";
import type { Values, ValuesInit } from "../types/gen/test/types/v1/values_domain.js";

// The service in domain types that other people's clients call. It answers what it is given, and where that is an empty list,
// what it makes itself. A trailer tells what the handler saw.

const id = new ObjectId("65a1b2c3d4e5f60718293a4b");
const uuid = new UUID("0e55a215-4fea-4b72-8c01-387b0c8f1a9e");

const MADE: ValuesInit = {
  objectId: id,
  objectIdText: id,
  date: new Date("0001-01-01T00:00:00.000Z"),
  wholeDate: new Date("9999-12-31T23:59:59.999Z"),
  decimal: Decimal128.fromString("-1.50"),
  uuid,
  uuidText: uuid.toBinary(),
  long: Long.MIN_VALUE,
  zigzagLong: 2n ** 63n - 1n,
  fixedLong: -1,
  binary: Uint8Array.of(0, 255),
  maybeLong: Long.ZERO,
  objectIds: [id, new ObjectId("000000000000000000000000")],
  decimals: ["1e3", "NaN", "-0", "-Infinity"].map((text) => Decimal128.fromString(text)),
  dateByKey: { "-1": new Date(1) },
  uuidTextByKey: { "18446744073709551615": new UUID(new Uint8Array(16)) },
  choice: { case: "chosenObjectId", value: id },
};

/** By the methods of the classes that a handler is promised. */
function describe(values: Values): Readonly<Record<string, string | undefined>> {
  return {
    objectId: values.objectId.toHexString(),
    objectIdText: values.objectIdText.toHexString(),
    date: values.date?.toISOString(),
    wholeDate: values.wholeDate?.toISOString(),
    decimal: values.decimal.toString(),
    uuid: values.uuid.toHexString(false),
    uuidText: values.uuidText.toHexString(),
    long: values.long.toString(),
    binary: values.binary instanceof Binary ? values.binary.toString("hex") : undefined,
  };
}

await run(
  defineService({
    name: "values",
    routes: () => [
      implement(withDomainTypes(ValuesService), {
        echo(values, { responseTrailer }) {
          responseTrailer.set("x-seen", JSON.stringify(describe(values)));
          return values;
        },
        async *echoEach({ values }) {
          yield* values.length === 0 ? [MADE] : values;
        },
        async echoAll(requests) {
          const values: Values[] = [];
          for await (const each of requests) values.push(each);
          return { values };
        },
        echoBoth: (requests) => requests,
        plain: ({ text }) => ({ text }),
      }),
    ],
  }),
);
