import { expect, test } from "vitest";
import {
  attacker,
  data,
  ERROR,
  FLAGS,
  frame,
  grpcRequest,
  headerBlock,
  headers,
  nth,
  request,
  reset,
  TYPE,
  windowUpdate,
} from "./attacker.ts";
import { expectStopped, siegeForTests } from "./siege.ts";

const siege = siegeForTests();

const COUNT = 20_000;
const MAX_WINDOW = 2 ** 31 - 1;
const get = (stream: number) => headers(stream, request("GET", "/bytes?n=10"), true);
const upload = (stream: number, ...more: (readonly [string, string])[]) =>
  headers(stream, request("POST", "/unread", ...more), false);
const open = (stream: number) => upload(stream);

// Rapid reset (CVE-2023-44487): the peer ends what it has begun, and begins anew.
test.each([
  { what: "requests", make: (id: number) => [get(id), reset(id)] },
  { what: "calls", make: (id: number) => [headers(id, grpcRequest("Converse"), false), reset(id)] },
  { what: "uploads with some of their body", make: (id: number) => [open(id), data(id, 100), reset(id)] },
  { what: "requests, by an error of its own", make: (id: number) => [get(id), reset(id, ERROR.protocol)] },
])("rapid reset of $what has ENHANCE_YOUR_CALM", async ({ make }) => {
  await stopsAt(COUNT, make);
});

// MadeYouReset (CVE-2025-8671): the peer has the server end them.
test.each([
  { what: "WINDOW_UPDATE by nothing", make: (id: number) => [open(id), windowUpdate(id, 0)] },
  { what: "WINDOW_UPDATE above what a window can be", make: (id: number) => [open(id), windowUpdate(id, MAX_WINDOW)] },
  { what: "DATA behind the end", make: (id: number) => [headers(id, request("POST", "/unread"), true), data(id, 10)] },
  { what: "HEADERS behind the end", make: (id: number) => [headers(id, request("POST", "/unread"), true), get(id)] },
  {
    what: "PRIORITY of a wrong length",
    make: (id: number) => [open(id), frame(TYPE.priority, 0, id, Buffer.alloc(4))],
  },
  {
    what: "PRIORITY on itself",
    make: (id: number) => [open(id), frame(TYPE.priority, 0, id, Buffer.of(0, 0, id >> 8, id, 1))],
  },
  { what: "a pseudo-header in trailers", make: (id: number) => [open(id), headers(id, [[":path", "/"]], true)] },
  { what: "upper case in trailers", make: (id: number) => [open(id), headers(id, [["X-A", "b"]], true)] },
  { what: "trailers that do not end the stream", make: (id: number) => [open(id), headers(id, [["x-a", "b"]], false)] },
  { what: "more DATA than content-length", make: (id: number) => [upload(id, ["content-length", "5"]), data(id, 10)] },
  {
    what: "less DATA than content-length",
    make: (id: number) => [upload(id, ["content-length", "50"]), data(id, 10, true)],
  },
  {
    what: "no DATA for a content-length",
    make: (id: number) => [headers(id, request("POST", "/unread", ["content-length", "5"]), true)],
  },
  { what: "two content-lengths", make: (id: number) => [upload(id, ["content-length", "5"], ["content-length", "6"])] },
  {
    what: "no :path",
    make: (id: number) => [
      headers(
        id,
        [
          [":method", "GET"],
          [":scheme", "http"],
        ],
        true,
      ),
    ],
  },
  {
    what: "a doubled :method",
    make: (id: number) => [headers(id, [[":method", "GET"], ...request("GET", "/")], true)],
  },
  { what: "upper case in a name", make: (id: number) => [headers(id, request("GET", "/", ["X-A", "b"]), true)] },
  {
    what: "a line break in a value",
    make: (id: number) => [headers(id, request("GET", "/", ["x-a", "b\r\nc: d"]), true)],
  },
  { what: "connection", make: (id: number) => [headers(id, request("GET", "/", ["connection", "close"]), true)] },
  { what: "te other than trailers", make: (id: number) => [headers(id, request("GET", "/", ["te", "gzip"]), true)] },
  { what: "a :path with a space", make: (id: number) => [headers(id, request("GET", "/a b"), true)] },
  {
    what: "a host unlike :authority",
    make: (id: number) => [headers(id, request("GET", "/", ["host", "other"]), true)],
  },
  {
    what: "more DATA than a stream's window",
    make: (id: number) => [open(id), ...Array.from({ length: 5 }, () => data(id, 16_000))],
  },
])("MadeYouReset by $what has ENHANCE_YOUR_CALM", async ({ make }) => {
  await stopsAt(COUNT, make);
});

test("MadeYouReset by more streams than may be open has ENHANCE_YOUR_CALM", async () => {
  await stopsAt(COUNT, (id) => [open(id)]);
});

test("MadeYouReset by a stream that depends on itself from the start has the connection's PROTOCOL_ERROR", async () => {
  const onItself = (id: number) => {
    const dependency = Buffer.of(0, 0, 0, id, 1);
    const flags = FLAGS.endHeaders | FLAGS.endStream | FLAGS.priority;
    return [frame(TYPE.headers, flags, id, Buffer.concat([dependency, headerBlock(request("GET", "/"))]))];
  };
  await stopsAt(COUNT, onItself, "PROTOCOL_ERROR", ERROR.protocol);
});

async function stopsAt(
  count: number,
  make: (stream: number) => readonly Uint8Array[],
  name = "ENHANCE_YOUR_CALM",
  code: number = ERROR.enhanceYourCalm,
): Promise<void> {
  const outcome = await siege.endure(async () => {
    using peer = await attacker(siege.url);
    await peer.flood(count, (index) => Buffer.concat(make(nth(index))));
    expect(await peer.goAway()).toBe(code);
    await peer.closed;
  });
  expectStopped(outcome, new RegExp(name));
  expect((await siege.stats()).requests, "calls that are left").toBeLessThan(4);
}
