import { create, createRegistry, type MessageInitShape, toBinary, toJsonString } from "@bufbuild/protobuf";
import { anyPack, DurationSchema } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { withImports } from "../../src/call/schema-files.ts";
import {
  AnswerSchema,
  DifferentialService,
  Failure_Kind,
  Form,
  Pace,
  WishSchema,
} from "./gen/differential/v1/differential_pb.js";
import { CONNECTION_NAMES } from "./handlers.ts";
import { READ_MAX_BYTES } from "./servers.ts";

export type Codec = "proto" | "json";
type WishInit = MessageInitShape<typeof WishSchema> & object;

/** What can be in JSON as an Any. */
const registry = createRegistry(...withImports([DifferentialService.file]));

const many = <T>(weight: number, value: T) => ({ weight, arbitrary: fc.constant(value) });
/** A value that is left away, `times` as often as not. */
const seldom = <T>(arbitrary: fc.Arbitrary<T>, times = 8) => fc.oneof(many(times, undefined), { weight: 1, arbitrary });

const text = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom("", "ada", "naïve ✓ 😀", "two\nlines", "a\0b", '"quoted"') },
  { weight: 2, arbitrary: fc.string({ unit: "binary", maxLength: 12 }).filter((it) => it.isWellFormed()) },
  // The message's other fields take some bytes as well: so these are around the limit.
  { weight: 1, arbitrary: fc.integer({ min: 960, max: READ_MAX_BYTES + 6 }).map((length) => "x".repeat(length)) },
  { weight: 1, arbitrary: fc.constantFrom(1020, 1500, 5000).map((length) => "x".repeat(length)) },
);

const DECENT_NAMES = ["x-answer", "x-answer", "x-other", "x-data-bin", "set-cookie", "X-Upper", "link"];
/** Fields that are the protocols' or HTTP's own, or none at all. */
const ODD_NAMES = [
  "content-type",
  "content-encoding",
  "content-length",
  "grpc-status",
  "grpc-message",
  "grpc-status-details-bin",
  "grpc-encoding",
  "connect-content-encoding",
  "trailer-x-answer",
  "trailer",
  "date",
  "vary",
  "x-request-id",
  "bad name",
  "",
  ":status",
];
const field = (isTrailer: boolean) =>
  fc.record({
    name: fc.oneof(
      { weight: 60, arbitrary: fc.constantFrom(...DECENT_NAMES) },
      { weight: 6, arbitrary: fc.constantFrom(...ODD_NAMES) },
      // In trailers over HTTP/2, these end connect-node's process.
      { weight: isTrailer ? 0 : 1, arbitrary: fc.constantFrom(...CONNECTION_NAMES) },
    ),
    value: fc.constantFrom(
      "1",
      "1",
      "two words",
      " edges ",
      "a,b",
      "AAEC/w",
      "AAEC/w==",
      "",
      "na\u00efve",
      "✓",
      "a\nb",
    ),
    isAdded: fc.boolean(),
  });
const fields = (isTrailer: boolean) =>
  fc.oneof(many(3, []), { weight: 2, arbitrary: fc.array(field(isTrailer), { maxLength: 3 }) });

const failure = fc.record({
  kind: fc.oneof(many(4, Failure_Kind.UNSPECIFIED), {
    weight: 2,
    arbitrary: fc.constantFrom(
      Failure_Kind.ERROR,
      Failure_Kind.TEXT,
      Failure_Kind.UNDEFINED,
      Failure_Kind.NULL,
      Failure_Kind.OBJECT,
      Failure_Kind.ABORT,
    ),
  }),
  code: fc.integer({ min: 1, max: 16 }),
  message: fc.constantFrom("it failed", "", " edges ", 'naïve ✓ 100%\n"quoted" \u007f', "x".repeat(300)),
  details: fc.array(fc.constantFrom("a detail", "✓"), { maxLength: 2 }),
  metadata: fields(true),
});

const ANYS = [
  anyPack(AnswerSchema, create(AnswerSchema, { text: "in an any" })),
  anyPack(DurationSchema, create(DurationSchema, { seconds: 3n })),
];

/** What a handler is wished to do; every field may be missing. */
export const wish: fc.Arbitrary<WishInit> = fc
  .record({
    text: seldom(text, 1),
    payload: seldom(fc.uint8Array({ maxLength: 20 }), 2),
    number: seldom(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), 2),
    numbers: seldom(fc.array(fc.integer(), { maxLength: 4 }), 2),
    words: seldom(fc.dictionary(fc.constantFrom("a", "b", "__proto__", "✓"), fc.constantFrom("", "1"), { maxKeys: 3 })),
    any: seldom(fc.constantFrom(...ANYS), 12),
    duration: seldom(
      fc.constantFrom({ seconds: 1n }, { seconds: -1n, nanos: -5 }, { seconds: 0n, nanos: 999_999_999 }),
    ),
    pace: seldom(fc.constantFrom(Pace.UNSPECIFIED, Pace.PROMISE, Pace.TURN), 2),
    form: seldom(fc.constantFrom(Form.INIT, Form.INIT, Form.EMPTY, Form.UNDEFINED, Form.WRONG)),
    fillingBytes: seldom(fc.constantFrom(1, 900, 1010, 1014, 1018, 1019, 1020, 1021, 1022, 1024, 3000, 70_000), 4),
    count: seldom(fc.constantFrom(1, 2, 3, 40), 2),
    readMost: seldom(fc.constantFrom(1, 2)),
    failure: seldom(failure, 4),
    headers: fields(false),
    trailers: fields(true),
    isBlind: seldom(fc.constant(true), 3),
  })
  .map((init) => Object.fromEntries(Object.entries(init).filter(([, value]) => value !== undefined)) as WishInit);

/** Changes a message's binary form into one that is unusual, or wrong. */
const BINARY_DAMAGES: Readonly<Record<string, (bytes: Buffer) => Uint8Array>> = {
  "unknown varint": (bytes) => Buffer.concat([bytes, Buffer.of(0xf8, 0x07, 0x96, 0x01)]),
  "unknown text": (bytes) => Buffer.concat([bytes, Buffer.of(0xfa, 0x07, 2, 0x68, 0x69)]),
  "unknown group": (bytes) => Buffer.concat([bytes, Buffer.of(0xfb, 0x07, 0x08, 0x01, 0xfc, 0x07)]),
  "group without an end": (bytes) => Buffer.concat([bytes, Buffer.of(0xfb, 0x07, 0x08, 0x01)]),
  "end of no group": (bytes) => Buffer.concat([bytes, Buffer.of(0xfc, 0x07)]),
  "wire type 6": (bytes) => Buffer.concat([bytes, Buffer.of(0x0e, 1)]),
  "wire type 7": (bytes) => Buffer.concat([bytes, Buffer.of(0xff, 0x07, 1)]),
  "field number 0": (bytes) => Buffer.concat([bytes, Buffer.of(0x02, 1, 0x61)]),
  "text as a varint": (bytes) => Buffer.concat([bytes, Buffer.of(0x08, 1)]),
  "text that promises more": (bytes) => Buffer.concat([bytes, Buffer.of(0x0a, 9, 0x68)]),
  "text that is no UTF-8": (bytes) => Buffer.concat([bytes, Buffer.of(0x0a, 2, 0xc3, 0x28)]),
  "varint without an end": (bytes) => Buffer.concat([bytes, Buffer.of(0x18, 0xff)]),
  "varint of eleven bytes": (bytes) => Buffer.concat([bytes, Buffer.of(0x18), Buffer.alloc(10, 0xff), Buffer.of(1)]),
  "enum without a name": (bytes) => Buffer.concat([bytes, Buffer.of(0x40, 0x63)]),
  "cut short": (bytes) => bytes.subarray(0, bytes.length - 1),
  nothing: () => new Uint8Array(0),
  JSON: () => Buffer.from('{"text":"ada"}'),
};

/** Changes a message's JSON into one that is unusual, or wrong. */
const JSON_DAMAGES: Readonly<Record<string, (json: string) => string | Uint8Array>> = {
  "unknown field": (json) => with_(json, '"nobody":{"knows":[1]}'),
  "text of another type": (json) => with_(json, '"text":1'),
  "number as a number": (json) => with_(json, '"number":12'),
  "number too large": (json) => with_(json, '"number":"9223372036854775808"'),
  "bytes in the URL's alphabet": (json) => with_(json, '"payload":"-_8"'),
  "bytes that are none": (json) => with_(json, '"payload":"!!"'),
  "enum by its name": (json) => with_(json, '"pace":"PACE_TURN"'),
  "enum of no name": (json) => with_(json, '"pace":"PACE_NONE"'),
  "enum without a name": (json) => with_(json, '"form":99'),
  "name of the proto": (json) => with_(json, '"is_blind":true'),
  "field twice": (json) => with_(json, '"text":"a","text":"b"'),
  "null for a field": (json) => with_(json, '"text":null'),
  prototype: (json) => with_(json, '"__proto__":{"text":"a"}'),
  "any of an unknown type": (json) => with_(json, '"any":{"@type":"type.googleapis.com/no.such.Type","a":1}'),
  "any of a known type": (json) =>
    with_(json, '"any":{"@type":"type.googleapis.com/differential.v1.Field","name":"a"}'),
  "any of an imported type": (json) =>
    with_(json, '"any":{"@type":"type.googleapis.com/google.protobuf.Duration","value":"1.5s"}'),
  "any without a type": (json) => with_(json, '"any":{"a":1}'),
  "duration that is none": (json) => with_(json, '"duration":"1 minute"'),
  "cut short": (json) => json.slice(0, -1),
  "more behind it": (json) => `${json}}`,
  "white space": (json) => `\n ${json}\t`,
  "byte order mark": (json) => `\ufeff${json}`,
  "no UTF-8": (json) => Buffer.concat([Buffer.from(json.slice(0, -1)), Buffer.of(0xff), Buffer.from("}")]),
  "text that is no UTF-8": () => Buffer.from('{"text":"\xff"}', "latin1"),
  nothing: () => "",
  null: () => "null",
  "a list": () => "[]",
  "a text": () => '"text"',
};

function with_(json: string, member: string): string {
  return json === "{}" ? `{${member}}` : `${json.slice(0, -1)},${member}}`;
}

/** A wish's bytes in a codec; some unusual, some wrong. */
export function wishBytes(codec: Codec): fc.Arbitrary<Uint8Array> {
  const damages = Object.keys(codec === "proto" ? BINARY_DAMAGES : JSON_DAMAGES);
  const damage = fc.oneof(many(10, "none"), { weight: 1, arbitrary: fc.constantFrom(...damages) });
  return fc.tuple(wish, damage).map(([init, name]) => encoded(codec, init, name));
}

function encoded(codec: Codec, init: WishInit, damage: string): Uint8Array {
  const message = create(WishSchema, init);
  if (codec === "proto") {
    const bytes = Buffer.from(toBinary(WishSchema, message));
    return BINARY_DAMAGES[damage]?.(bytes) ?? bytes;
  }
  const json = toJsonString(WishSchema, message, { registry });
  return Buffer.from(JSON_DAMAGES[damage]?.(json) ?? json);
}
