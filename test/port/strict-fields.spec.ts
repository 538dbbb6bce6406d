import { once } from "node:events";
import Koa from "koa";
import { defineService, implement } from "portico";
import { startTest, type TestApp } from "portico/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NameService } from "../../gen/name/v1/name_pb.js";
import { FLAG, FRAME, frame, framesIn, headerBlock, PREFACE } from "../support/frames.ts";
import { rawSocket } from "../support/raw-socket.ts";
import { until } from "../support/until.ts";

// Malformed requests (RFC 9113, 8.1.1 to 8.3.1), as bytes that no client would write.

type Field = readonly [name: string, value: string];
type Fields = readonly Field[];

/** What handlers saw: a request by its `x-case`, and how its body ended. */
const seen: string[] = [];

const service = defineService({
  name: "strict",
  routes: () => [
    implement(NameService, {
      processName({ name }, { requestHeader }) {
        seen.push(`${requestHeader.get("x-case")} whole`);
        return { name: name.toUpperCase() };
      },
      processNames: () => {
        throw new Error("no test calls it");
      },
    }),
  ],
  http: () => {
    const app = new Koa();
    app.use(async (context) => {
      const what = context.get("x-case");
      seen.push(`${what} begins`);
      context.req.resume();
      await once(context.req, "end").catch(() => seen.push(`${what} breaks`));
      if (context.req.complete) seen.push(`${what} whole`);
      context.body = "served";
    });
    return app;
  },
});

let app: TestApp;
beforeAll(async () => {
  app = await startTest(service);
});
afterAll(() => app.stop());

interface Kind {
  readonly name: string;
  readonly head: Fields;
  readonly body: Buffer;
}

const target = (path: string): Fields => [
  [":method", "POST"],
  [":scheme", "http"],
  [":path", path],
  [":authority", "a"],
];

const KINDS: readonly Kind[] = [
  {
    name: "an RPC",
    head: [...target("/name.v1.NameService/ProcessName"), ["content-type", "application/grpc"], ["te", "trailers"]],
    body: Buffer.from([0, 0, 0, 0, 5, 0x0a, 3, 0x61, 0x64, 0x61]),
  },
  { name: "Koa", head: [...target("/there"), ["content-type", "text/plain"]], body: Buffer.from("0123456789") },
];

/** What a row does to a well-formed request. */
interface Change {
  /** Fields to add at the end of the head. */
  readonly add?: Fields;
  /** Fields to add before the first one. */
  readonly first?: Fields;
  /** Names of fields to leave out. */
  readonly without?: readonly string[];
  /** Added to `:path`. */
  readonly path?: string;
  /** The `:path` itself. */
  readonly wholePath?: string;
  readonly trailers?: Fields;
  /** Whether the trailers end the stream. Default true. */
  readonly trailersEnd?: boolean;
  /** Has no DATA at all. */
  readonly isBodiless?: boolean;
}

type Row = readonly [what: string, change: Change];

const field = (name: string, value: string): Change => ({ add: [[name, value]] });

const NAMES: readonly Row[] = [
  ["in upper case", field("X-Upper", "a")],
  ["with one letter in upper case", field("x-uppeR", "a")],
  ["with a space", field("x y", "a")],
  ["with a space at its end", field("x ", "a")],
  ["with a colon", field("x:y", "a")],
  ["with a control character", field("x\u0001", "a")],
  ["with NUL", field("x\0y", "a")],
  ["with a line end", field("x\r\ny", "a")],
  ["with DEL", field("x\u007f", "a")],
  ["outside of ASCII", field("x\u00e9", "a")],
  ["of no letter", field("", "a")],
];

const VALUES: readonly Row[] = [
  ["NUL", field("x-value", "a\0b")],
  ["CR", field("x-value", "a\rb")],
  ["LF", field("x-value", "a\nb")],
  ["a field of its own", field("x-value", "a\r\nx-evil: b")],
  ["a space at its start", field("x-value", " a")],
  ["a space at its end", field("x-value", "a ")],
  ["a tab at its start", field("x-value", "\ta")],
  ["a tab at its end", field("x-value", "a\t")],
  ["a space alone", field("x-value", " ")],
];

const CONNECTION: readonly Row[] = [
  ["connection", field("connection", "keep-alive")],
  ["proxy-connection", field("proxy-connection", "keep-alive")],
  ["keep-alive", field("keep-alive", "timeout=5")],
  ["transfer-encoding", field("transfer-encoding", "chunked")],
  ["upgrade", field("upgrade", "websocket")],
  ["te of another coding", { without: ["te"], add: [["te", "gzip"]] }],
  ["te of trailers and another coding", { without: ["te"], add: [["te", "trailers, gzip"]] }],
];

const PSEUDO_HEADERS: readonly Row[] = [
  ...[":method", ":scheme", ":path", ":authority"].map((name): Row => [`${name} twice`, { first: [[name, "GET"]] }]),
  ...[":method", ":scheme", ":path"].map((name): Row => [`no ${name}`, { without: [name] }]),
  [":status", { first: [[":status", "200"]] }],
  [":protocol, which is not offered", { first: [[":protocol", "websocket"]] }],
  ["one behind a field", { without: [":authority"], add: [[":authority", "a"]] }],
  ["host unlike :authority", field("host", "b")],
  [
    "two hosts",
    {
      without: [":authority"],
      add: [
        ["host", "a"],
        ["host", "a"],
      ],
    },
  ],
  [":path without a slash", { wholePath: "there" }],
  [":path empty", { wholePath: "" }],
  [":path * by POST", { wholePath: "*" }],
  [":path of a whole URL", { wholePath: "http://a/there" }],
  [":path with a space", { path: "?a b" }],
  [":path with a fragment", { path: "#a" }],
  [":path with a control character", { path: "?\u0001" }],
  [":path with DEL", { path: "?\u007f" }],
  [":path with a line end", { path: "? HTTP/1.1\r\nx-evil: b" }],
];

const LENGTHS: readonly Row[] = [
  [
    "two that differ",
    {
      add: [
        ["content-length", "10"],
        ["content-length", "11"],
      ],
    },
  ],
  ["two that differ in one field", field("content-length", "10, 11")],
  ["a negative one", field("content-length", "-10")],
  ["one with a sign", field("content-length", "+10")],
  ["a hexadecimal one", field("content-length", "0xa")],
  ["an empty one", field("content-length", "")],
  ["one that is too large for a number", field("content-length", "99999999999999999999")],
];

/** What shows only once the head is with the handler. */
const BODIES: readonly Row[] = [
  ["more DATA than content-length", field("content-length", "9")],
  ["less DATA than content-length", field("content-length", "11")],
  ["a pseudo-header in trailers", { trailers: [[":path", "/there"]] }],
  [":status in trailers", { trailers: [[":status", "200"]] }],
  ["upper case in trailers", { trailers: [["X-Upper", "a"]] }],
  ["a line end in trailers", { trailers: [["x-value", "a\r\nb"]] }],
  ["connection in trailers", { trailers: [["connection", "close"]] }],
  ["trailers that do not end the stream", { trailers: [["x-value", "a"]], trailersEnd: false }],
];

const NEAR_MISSES: readonly Row[] = [
  ["a name of every character that a token may have", field("x!#$%&'*+-.^_`|~19", "a")],
  ["a value with space and tab inside", field("x-value", "a \t b")],
  ["a value outside of ASCII", field("x-value", "\u00e9")],
  ["a value with colons, quotes and commas", field("x-value", 'a: "b", c; d=e')],
  ["an empty value", field("x-value", "")],
  ["te: trailers", { without: ["te"], add: [["te", "trailers"]] }],
  [
    "names that begin as those of connections do",
    {
      add: [
        ["upgrade-insecure-requests", "1"],
        ["connection-id", "1"],
      ],
    },
  ],
  ["content-length that is right", field("content-length", "10")],
  [
    "content-length that is right twice",
    {
      add: [
        ["content-length", "10"],
        ["content-length", "10"],
      ],
    },
  ],
  ["content-length with zeros before it", field("content-length", "0010")],
  ["host like :authority", field("host", "a")],
  ["host like :authority but for its case", field("host", "A")],
  ["host without :authority", { without: [":authority"], add: [["host", "a"]] }],
  [":path with what is escaped", { path: "?a%20b%23c%00" }],
  ["trailers", { trailers: [["x-value", "a"]] }],
  [
    "a cookie in crumbs",
    {
      add: [
        ["cookie", "a=b"],
        ["cookie", "c=d"],
      ],
    },
  ],
];

let count = 0;

/** The head of a request as a row has it; handlers see it by the case. */
function headOf({ head }: Kind, change: Change, name: string): Fields {
  const changed = head
    .filter(([name]) => !change.without?.includes(name))
    .map(
      ([name, value]): Field =>
        name === ":path" ? [name, change.wholePath ?? value + (change.path ?? "")] : [name, value],
    );
  return [...(change.first ?? []), ...changed, ["x-case", name], ...(change.add ?? [])];
}

function requestFrames(kind: Kind, change: Change, stream: number, name: string): Buffer {
  const { trailers, trailersEnd = true } = change;
  return Buffer.concat([
    frame(FRAME.headers, FLAG.endHeaders, stream, headerBlock(headOf(kind, change, name))),
    frame(FRAME.data, trailers === undefined ? FLAG.endStream : 0, stream, kind.body),
    ...(trailers === undefined
      ? []
      : [frame(FRAME.headers, FLAG.endHeaders | (trailersEnd ? FLAG.endStream : 0), stream, headerBlock(trailers))]),
  ]);
}

/**
 * Sends the request on stream 3, between two that are well-formed, the first of which ends last. Gives what became of it,
 * once both of the others are answered.
 */
async function amongOthers(kind: Kind, change: Change) {
  const name = `case ${count++}`;
  const neighbour = `${name}'s neighbour`;
  const other = `${name}'s next`;
  using peer = await rawSocket(app.url);
  await peer.send(
    Buffer.concat([
      PREFACE,
      frame(FRAME.settings, 0, 0),
      frame(FRAME.headers, FLAG.endHeaders, 1, headerBlock(headOf(kind, {}, neighbour))),
      requestFrames(kind, change, 3, name),
      requestFrames(kind, {}, 5, other),
    ]),
  );
  const framesOf = (stream: number) => framesIn(peer.received()).filter((it) => it.stream === stream);
  const isEnded = (stream: number) =>
    framesOf(stream).some(
      ({ type, flags }) => type === FRAME.rstStream || (type !== FRAME.settings && (flags & FLAG.endStream) !== 0),
    );
  await until(() => isEnded(3) && isEnded(5));
  await peer.send(frame(FRAME.data, FLAG.endStream, 1, kind.body));
  await until(() => isEnded(1));
  const resets = framesIn(peer.received()).filter(({ type }) => type === FRAME.rstStream);
  expect(seen).toEqual(expect.arrayContaining([`${neighbour} whole`, `${other} whole`]));
  expect(framesOf(0).filter(({ type }) => type === FRAME.goaway)).toEqual([]);
  return {
    resets: resets.map(({ stream, payload }) => [stream, payload.readUInt32BE(0)]),
    seen: () => seen.filter((line) => line.startsWith(`${name} `)),
  };
}

const PROTOCOL_ERROR = [3, 1];

describe.each(KINDS)("a request for $name", (kind) => {
  describe.each([
    ["a name", NAMES],
    ["a value with", VALUES],
    ["what is of connections:", CONNECTION],
    ["pseudo-headers:", PSEUDO_HEADERS],
    ["content-length:", LENGTHS],
  ])("is reset, and no handler sees it: %s", (_what, rows) => {
    test.each(rows)("%s", async (_row, change) => {
      const outcome = await amongOthers(kind, change);
      expect(outcome.resets).toEqual([PROTOCOL_ERROR]);
      expect(outcome.seen()).toEqual([]);
    });
  });

  test.each(BODIES)("is reset, and its handler's body breaks: %s", async (_row, change) => {
    const outcome = await amongOthers(kind, change);
    expect(outcome.resets).toEqual([PROTOCOL_ERROR]);
    const name = kind.name === "Koa" ? ["begins", "breaks"] : [];
    await until(() => outcome.seen().length >= name.length);
    expect(outcome.seen().map((line) => line.split(" ").at(-1))).toEqual(name);
  });

  test("that ends with its head, though content-length says more, is reset, and no handler sees it", async () => {
    const name = `case ${count++}`;
    using peer = await rawSocket(app.url);
    const head = headOf(kind, { add: [["content-length", "10"]] }, name);
    const whole = FLAG.endHeaders | FLAG.endStream;
    await peer.send(
      Buffer.concat([PREFACE, frame(FRAME.settings, 0, 0), frame(FRAME.headers, whole, 3, headerBlock(head))]),
    );
    const reset = await until(() => framesIn(peer.received()).find(({ type }) => type === FRAME.rstStream));
    expect([reset.stream, reset.payload.readUInt32BE(0)]).toEqual(PROTOCOL_ERROR);
    expect(seen.filter((line) => line.startsWith(`${name} `))).toEqual([]);
  });

  test.each(NEAR_MISSES)("is served: %s", async (_row, change) => {
    const outcome = await amongOthers(kind, change);
    expect(outcome.resets).toEqual([]);
    expect(outcome.seen().at(-1)).toMatch(/ whole$/);
  });
});
