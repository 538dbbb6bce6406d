import fc from "fast-check";
import { cutAt, cuts } from "../http2/cuts.ts";
import { type Coding, coding, envelopedBody, plainBody, textBody } from "./bodies.ts";
import { DEED_NAMES, DOES_HEADER } from "./interceptors.ts";
import type { Fields, RawRequest } from "./raw-client.ts";
import { type Codec, wishBytes } from "./wishes.ts";

type Protocol = "connect" | "connect-stream" | "grpc" | "grpc-web" | "grpc-web-text" | "get";

const SERVICE = "/differential.v1.DifferentialService";
const UNARY = ["Look", "Act"] as const;
const STREAMS = ["Tell", "Collect", "Talk"] as const;
const STREAMED_REQUESTS: readonly string[] = ["Collect", "Talk"];

const mostly = <T>(value: fc.Arbitrary<T>, seldom: fc.Arbitrary<T>, weight = 20) =>
  fc.oneof({ weight, arbitrary: value }, { weight: 1, arbitrary: seldom });
const maybe = <T>(value: fc.Arbitrary<T>, weight = 1) =>
  fc.oneof({ weight: 3, arbitrary: fc.constant<T | undefined>(undefined) }, { weight, arbitrary: value });

/** A call's protocol, codec and method: mostly ones that go together. */
const call = fc
  .record({
    protocol: fc.constantFrom<Protocol>(
      "connect",
      "connect",
      "connect-stream",
      "grpc",
      "grpc",
      "grpc-web",
      "grpc-web-text",
      "get",
    ),
    codec: fc.constantFrom<Codec>("proto", "json"),
    chance: fc.integer({ min: 0, max: 20 }),
    unary: fc.constantFrom(...UNARY),
    stream: fc.constantFrom(...STREAMS),
  })
  .map(({ protocol, codec, chance, unary, stream }) => {
    const takes = protocol === "connect" ? unary : protocol === "connect-stream" ? stream : chance % 2 ? unary : stream;
    const other = takes === unary ? stream : unary;
    const method = protocol === "get" ? (chance < 18 ? "Look" : takes) : chance === 0 ? other : takes;
    return { protocol, codec, method };
  });

function contentTypes(protocol: Protocol, codec: Codec): readonly [string, ...string[]] {
  const [base, plus] = {
    connect: ["application/", ""],
    "connect-stream": ["application/connect", "+"],
    grpc: ["application/grpc", "+"],
    "grpc-web": ["application/grpc-web", "+"],
    "grpc-web-text": ["application/grpc-web-text", "+"],
    get: ["application/", ""],
  }[protocol] as [string, string];
  const exact = `${base}${plus}${codec}`;
  return protocol.startsWith("grpc") && codec === "proto" ? [exact, base] : [exact];
}

/** The content type of a request: mostly right, sometimes in another form, sometimes another's. */
function contentType(protocol: Protocol, codec: Codec): fc.Arbitrary<string | undefined> {
  const right = contentTypes(protocol, codec);
  const [exact] = right;
  const variants = [
    `${exact}; charset=utf-8`,
    `${exact};charset=utf-8`,
    `${exact}; charset=UTF8`,
    `${exact}; charset=latin1`,
    `${exact}; a=b`,
    exact.toUpperCase(),
    `${exact}, ${exact}`,
    exact.replace(/proto|json/, "thrift"),
    exact.replace("+", ""),
    "",
    "text/plain",
    "application/json",
    "application/grpc",
    undefined,
  ];
  return protocol === "get"
    ? mostly(fc.constant(undefined), fc.constantFrom(exact, "text/plain", "application/grpc"), 8)
    : mostly(fc.constantFrom(...right), fc.constantFrom(...variants), 12);
}

const verb = (protocol: Protocol) =>
  mostly(
    fc.constant(protocol === "get" ? "GET" : "POST"),
    fc.constantFrom("GET", "POST", "PUT", "HEAD", "OPTIONS", "DELETE", "PATCH"),
    30,
  );

const path = (method: string) =>
  mostly(
    fc.constant(`${SERVICE}/${method}`),
    fc.constantFrom(
      `${SERVICE}/${method.toLowerCase()}`,
      `${SERVICE.toLowerCase()}/${method}`,
      `${SERVICE}/${method}/`,
      `/${SERVICE}/${method}`,
      `${SERVICE}/%${method.charCodeAt(0).toString(16)}${method.slice(1)}`,
      `${SERVICE}/None`,
      "/no.such.Service/None",
      "/",
    ),
    30,
  );

const extraQuery = mostly(
  fc.constant(""),
  fc.constantFrom("?", "?a=b", "?connect=v1&encoding=json&message=%7B%7D", "?a=%zz"),
);

/** The query of a Connect GET: mostly whole, its parameters in any order, sometimes broken. */
function getQuery(codec: Codec, message: Uint8Array, { said }: Coding): fc.Arbitrary<string> {
  const inBase64 = codec === "proto" || said !== undefined;
  const bytes = Buffer.from(message);
  const base64 = fc.boolean().map((padded) => bytes.toString(padded ? "base64" : "base64url"));
  const asText = fc.constant(encodeURIComponent(bytes.toString()));
  const whole = (inBase64 ? base64.map(encodeURIComponent) : mostly(asText, base64, 8)).chain((text) =>
    fc.tuple(
      mostly(
        fc.constant(`message=${text}`),
        fc.constantFrom("message=", "message=%zz", "message=%ff", "message=!!", "", `message=a&message=${text}`),
      ),
      mostly(
        fc.constant(inBase64 ? "base64=1" : ""),
        fc.constantFrom("base64=1", "base64=0", "base64=true", "base64", ""),
      ),
      mostly(fc.constant(`encoding=${codec}`), fc.constantFrom("encoding=thrift", "encoding=", "encoding=PROTO", "")),
      mostly(fc.constant("connect=v1"), fc.constantFrom("connect=v2", "connect=", ""), 8),
      fc.constant(said === undefined ? "" : `compression=${encodeURIComponent(said)}`),
      mostly(fc.constant(""), fc.constantFrom("a=b", "timeout=1")),
    ),
  );
  return fc.tuple(whole, fc.boolean()).map(([parts, reversed]) => {
    const present = parts.filter((part) => part !== "");
    return `?${(reversed ? present.reverse() : present).join("&")}`;
  });
}

const acceptedEncodings = fc.constantFrom(
  "gzip",
  "br",
  "gzip,br",
  "br, gzip",
  "identity",
  "identity,gzip",
  "deflate, zstd",
  "gzip;q=0",
  "gzip;q=0.5, br",
  "*",
  "",
  "GZIP",
);

const timeouts: Readonly<Record<"connect-timeout-ms" | "grpc-timeout", fc.Arbitrary<string>>> = {
  "connect-timeout-ms": mostly(
    fc.constantFrom("30000", "600000"),
    fc.constantFrom("0", "", "abc", "-1", "1.5", "9999999999", "10000000000", "2147483648", "0030000"),
    2,
  ),
  "grpc-timeout": mostly(
    fc.constantFrom("30S", "10M", "60000m", "40000000u", "9H"),
    fc.constantFrom("0m", "1n", "", "30", "30s", "100000000m", "99999999H", "-1S", "1.5S", "030S"),
    2,
  ),
};

const ORDINARY: readonly (readonly [string, string])[] = [
  ["x-a", "1"],
  ["x-a", "2"],
  ["x-b", "two words"],
  ["x-empty", ""],
  ["x-data-bin", "AAEC/w"],
  ["x-data-bin", "AAEC/w=="],
  ["x-data-bin", "!!"],
  ["cookie", "a=b"],
  ["cookie", "c=d"],
  ["authorization", "Bearer t"],
  ["user-agent", "a test"],
  ["accept", "*/*"],
  ["x-latin", "na\u00efve"],
];
const ordinary = fc.array(fc.constantFrom(...ORDINARY), { maxLength: 3 });
const version = maybe(mostly(fc.constant("1"), fc.constantFrom("2", "", "v1"), 4), 2);

/** The fields of a request besides its content type. */
function otherFields(protocol: Protocol, { said }: Coding, hasInterceptors: boolean): fc.Arbitrary<Fields> {
  const isGrpc = protocol.startsWith("grpc");
  const own = isGrpc
    ? "grpc-encoding"
    : protocol === "connect-stream"
      ? "connect-content-encoding"
      : "content-encoding";
  const accept = isGrpc
    ? "grpc-accept-encoding"
    : protocol === "connect-stream"
      ? "connect-accept-encoding"
      : "accept-encoding";
  const timeout = isGrpc ? "grpc-timeout" : "connect-timeout-ms";
  const named = (name: string, value: fc.Arbitrary<string | undefined>): fc.Arbitrary<Fields> =>
    value.map((it) => (it === undefined ? [] : [[name, it]]));
  return fc
    .tuple(
      named(own, fc.constant(protocol === "get" ? undefined : said)),
      named(accept, maybe(acceptedEncodings, 2)),
      mostly<Fields>(
        fc.constant([]),
        acceptedEncodings.map((it) => [["accept-encoding", it]]),
        10,
      ),
      named(timeout, maybe(timeouts[timeout])),
      named("connect-protocol-version", isGrpc ? fc.constant(undefined) : version),
      named("te", isGrpc ? mostly(fc.constant("trailers"), fc.constant(undefined), 4) : fc.constant(undefined)),
      ordinary,
      named(DOES_HEADER, hasInterceptors ? maybe(does, 3) : fc.constant(undefined)),
    )
    .map((fields) => once(fields.flat()));
}

const does = fc
  .uniqueArray(fc.constantFrom(...DEED_NAMES), { minLength: 1, maxLength: 3 })
  .map((names) => names.join(","));

/** Names that HTTP's own lists forbid to be doubled are there once. */
function once(fields: Fields): Fields {
  const single = new Set<string>();
  return fields.filter(([name]) => {
    if (name.startsWith("x-") || name === "cookie") return true;
    const isFirst = !single.has(name);
    single.add(name);
    return isFirst;
  });
}

/** Requests, right and wrong, over either version of HTTP. */
export function requests(hasInterceptors: boolean): fc.Arbitrary<RawRequest> {
  return fc
    .tuple(call, coding)
    .chain(([{ protocol, codec, method }, coded]) => {
      const isStream = STREAMED_REQUESTS.includes(method);
      const enveloped = envelopedBody(codec, coded, isStream);
      const body: fc.Arbitrary<Uint8Array> =
        protocol === "get" || protocol === "connect"
          ? plainBody(codec, coded)
          : protocol === "grpc-web-text"
            ? enveloped.chain(textBody)
            : enveloped;
      return fc.record({
        version: fc.constantFrom<RawRequest["version"]>("1.1", "2", "2"),
        verb: verb(protocol),
        path: path(method),
        query: protocol === "get" ? body.chain((bytes) => getQuery(codec, bytes, coded)) : extraQuery,
        type: contentType(protocol, codec),
        fields: otherFields(protocol, coded, hasInterceptors),
        body: protocol === "get" ? mostly(fc.constant(new Uint8Array(0)), wishBytes(codec)) : body,
        shares: mostly(fc.constant<number[]>([]), cuts, 3),
        saysLength: fc.boolean(),
      });
    })
    .map(({ version, verb, path, query, type, fields, body, shares, saysLength }): RawRequest => {
      const chunks = body.length === 0 ? [] : cutAt(Buffer.from(body), shares);
      return {
        version,
        method: verb,
        target: path + query,
        fields: [
          ...(type === undefined ? [] : [["content-type", type] as const]),
          ...(saysLength && body.length > 0 ? [["content-length", String(body.length)] as const] : []),
          ...fields,
        ],
        chunks: chunks.filter(({ length }) => length > 0),
      };
    });
}
