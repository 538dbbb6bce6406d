import type { Interceptor } from "@connectrpc/connect";
import { Binary, Decimal128, Long, ObjectId, UUID } from "bson";
import {
  type ChannelOptions,
  createChannel,
  createClient,
  type DomainClient,
  type DomainHandlers,
  defineService,
  implement,
  withDomainTypes,
} from "portico";
import { type LogLine, startTest } from "portico/testing";
import { startService } from "../../src/service/start.ts";
import { ValuesService as DomainValuesService } from "./gen/test/types/v1/services_domain.js";
import type { ValuesService as Service } from "./gen/test/types/v1/services_pb.js";
import type { Values, ValuesInit } from "./gen/test/types/v1/values_domain.js";

type Types = (typeof DomainValuesService)["methods"];
export type ValuesHandlers = DomainHandlers<typeof Service, Types>;
export type ValuesClient = DomainClient<typeof Service, Types>;

export const valuesService = withDomainTypes(DomainValuesService);

/** What answers a call on the service's side: the values of HTTP2_ENGINE, and Connect's universal handlers over our own. */
export const ENGINES = ["own", "node", "universal"] as const;
export type Engine = (typeof ENGINES)[number];

/** Ways over the wire that differ in how messages are read and written. */
export const WIRES: Readonly<Record<string, ChannelOptions>> = {
  "Connect in JSON": { protocol: "connect", format: "json" },
  "Connect in binary": { protocol: "connect", format: "binary" },
  gRPC: { protocol: "grpc" },
  "gRPC-Web": { protocol: "grpc-web" },
};

/** A running service of values; disposing stops it. */
export interface ValuesApp extends AsyncDisposable {
  readonly url: string;
  readonly logs: readonly LogLine[];
  client(options?: ChannelOptions): ValuesClient;
}

export interface ValuesOptions {
  readonly engine?: Engine;
  /** In the place of those that echo. */
  readonly handlers?: Partial<ValuesHandlers>;
  readonly interceptors?: readonly Interceptor[];
}

/** Starts a service that echoes, but for the handlers that it is given. */
export async function startValues({
  engine = "own",
  handlers,
  interceptors = [],
}: ValuesOptions = {}): Promise<ValuesApp> {
  const service = defineService({
    name: "values",
    interceptors: () => [...interceptors],
    routes: () => [implement(valuesService, { ...echoHandlers, ...handlers })],
  });
  if (engine !== "universal") {
    const app = await startTest(service, { config: { HTTP2_ENGINE: engine } });
    return { ...app, client: (options) => app.client(valuesService, options) };
  }
  const logs: LogLine[] = [];
  const { address, stop } = await startService(service, {
    env: { NODE_ENV: "test", HOST: "127.0.0.1", PORT: "0" },
    destination: { write: (line) => void logs.push(JSON.parse(line)) },
    terminal: false,
    rpcPath: "universal",
  });
  const url = `http://127.0.0.1:${address.port}`;
  const channels = new AsyncDisposableStack();
  return {
    url,
    logs,
    client: (options) => createClient(valuesService, channels.use(createChannel(url, options))),
    async [Symbol.asyncDispose]() {
      await channels.disposeAsync();
      await stop();
    },
  };
}

export const echoHandlers: ValuesHandlers = {
  echo: (values) => values,
  async *echoEach({ values }) {
    yield* values;
  },
  async echoAll(requests) {
    const all: Values[] = [];
    for await (const one of requests) all.push(one);
    return { values: all };
  },
  async *echoBoth(requests) {
    yield* requests;
  },
  plain: ({ text }) => ({ text }),
};

/** Values that fit, with `some` in the place of theirs. */
export function values(some: Partial<Values> = {}): Values {
  return {
    objectId: new ObjectId("0123456789abcdef01234567"),
    objectIdText: new ObjectId("ffffffffffffffffffffffff"),
    date: new Date(-1),
    wholeDate: new Date("9999-12-31T23:59:59.999Z"),
    decimal: Decimal128.fromString("-1.990E-6143"),
    uuid: new UUID("00000000-0000-0000-0000-000000000000"),
    uuidText: new UUID("0198c0de-7000-7000-8000-0123456789ab"),
    long: Long.MIN_VALUE,
    zigzagLong: Long.fromString("9007199254740993"),
    fixedLong: Long.MAX_VALUE,
    binary: new Binary(new Uint8Array([0, 255, 1])),
    objectIds: [new ObjectId("000000000000000000000000")],
    objectIdTexts: [],
    dates: [new Date(0), new Date("0001-01-01T00:00:00Z")],
    wholeDates: [],
    decimals: [Decimal128.fromString("NaN"), Decimal128.fromString("-0.00"), Decimal128.fromString("-Infinity")],
    uuids: [],
    uuidTexts: [],
    longs: [Long.ZERO, Long.NEG_ONE],
    zigzagLongs: [],
    fixedLongs: [],
    binaries: [new Binary(new Uint8Array())],
    objectIdByKey: { "a.b": new ObjectId("0123456789abcdef01234567") },
    objectIdTextByKey: {},
    dateByKey: { "-5": new Date(999) },
    wholeDateByKey: { true: new Date(-999) },
    decimalByKey: {},
    uuidByKey: {},
    uuidTextByKey: {},
    longByKey: {},
    zigzagLongByKey: {},
    fixedLongByKey: {},
    binaryByKey: {},
    choice: { case: "chosenLong", value: Long.ONE },
    ...some,
  };
}

/** Values whose second ObjectId in a list is none: their path is {@link BAD_PATH}. */
export function badValues(): ValuesInit {
  const [good, bad] = [new ObjectId(), "not an ObjectId" as unknown as ObjectId]; // as a handler without types gives it
  return { ...values(), objectIds: [good, bad] };
}

export const BAD_PATH = "object_ids[1]";
