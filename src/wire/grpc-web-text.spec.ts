import { Code } from "@connectrpc/connect";
import type { UniversalServerRequest } from "@connectrpc/connect/protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isGrpcWebText, throughBinary } from "./grpc-web-text.ts";

const CONTENT_TYPE = "application/grpc-web-text+proto";

async function* chunksOf(chunks: readonly Uint8Array[]): AsyncIterable<Uint8Array> {
  yield* chunks;
}

async function bytesOf(body: AsyncIterable<Uint8Array> | undefined): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body ?? []) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Sends chunks through to a binary handler, which answers with what it is given to answer, or with what it read. */
async function exchange(chunks: readonly Uint8Array[], answer?: readonly Uint8Array[]) {
  const seen: { contentType?: string | null; body?: Buffer } = {};
  const request = {
    httpVersion: "1.1",
    url: "http://a/b.C/D",
    method: "POST",
    header: new Headers({ "content-type": CONTENT_TYPE, "x-other": "kept" }),
    body: chunksOf(chunks),
    signal: new AbortController().signal,
  } satisfies UniversalServerRequest;
  const response = await throughBinary(request, async ({ header, body }) => {
    seen.contentType = header.get("content-type");
    seen.body = await bytesOf(body as AsyncIterable<Uint8Array>); // throughBinary passes bytes on
    return {
      status: 200,
      header: new Headers({ "content-type": "application/grpc-web+proto" }),
      body: chunksOf(answer ?? [seen.body]),
    };
  });
  return { ...seen, response, request };
}

/** Cuts bytes at the places given, taken modulo their length. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const ends = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...ends].map((start, at) => bytes.subarray(start, ends[at]));
}

const texts = fc.array(fc.uint8Array({ minLength: 1, maxLength: 20 }), { maxLength: 6 });
const places = fc.array(fc.nat(), { maxLength: 8 });

test("a request of one or more base64 texts, each padded and split anywhere, reaches the handler as its bytes", async () => {
  await fc.assert(
    fc.asyncProperty(texts, places, async (parts, cuts) => {
      const text = Buffer.from(parts.map((part) => Buffer.from(part).toString("base64")).join(""), "latin1");
      const { body } = await exchange(cut(text, cuts));
      expect(body).toEqual(Buffer.concat(parts));
    }),
  );
});

test("an answer is base64, text by text, of the bytes that the handler wrote", async () => {
  await fc.assert(
    fc.asyncProperty(texts, async (parts) => {
      const { response } = await exchange([], parts);
      const text = (await bytesOf(response.body)).toString("latin1");
      expect(text).toMatch(/^[A-Za-z0-9+/=]*$/);
      expect((await exchange([Buffer.from(text, "latin1")])).body).toEqual(Buffer.concat(parts));
    }),
  );
});

test("a view into a larger buffer is encoded as the view", async () => {
  const { response } = await exchange([], [Buffer.from("xxabcxx").subarray(2, 5)]);
  expect((await bytesOf(response.body)).toString("latin1")).toBe("YWJj");
});

test("a chunk of many megabytes is read", async () => {
  const bytes = Buffer.alloc(12 * 1024 * 1024, 7);
  const { body } = await exchange([Buffer.from(bytes.toString("base64"), "latin1")]);
  expect(body?.equals(bytes)).toBe(true);
});

describe("a body that is no base64 is invalid_argument", () => {
  test.each([
    ["a rest of one character", "QUJDR"],
    ["a rest of two", "QUJDRA"],
    ["a rest of three", "QUI"],
    ["padding alone", "===="],
    ["three signs of padding", "Q==="],
    ["padding at the beginning of a group", "=QUJ"],
    ["padding within a group", "Q=UJ"],
    ["two paddings in a group", "Q=Q="],
    ["base64url's own characters", "QU-_"],
    ["a line's end", "QUJD\r\nQUI"],
    ["a space", "QUJ "],
    ["bytes", "\u0000\u0001\u0002\u00ff"],
  ])("%s", async (_name, text) => {
    const bytes = Buffer.from(text, "latin1");
    for (const chunks of [[bytes], cut(bytes, [1, 2, 3])]) {
      await expect(exchange(chunks)).rejects.toMatchObject({ code: Code.InvalidArgument });
    }
  });
});

test("the content type says binary to the handler and text to the caller; nothing else changes", async () => {
  const { contentType, response, request } = await exchange([]);
  expect(contentType).toBe("application/grpc-web+proto");
  expect(response.header?.get("content-type")).toBe(CONTENT_TYPE);
  expect(request.header.get("content-type")).toBe(CONTENT_TYPE);
});

test.each([
  ["application/grpc-web-text", true],
  ["application/grpc-web-text+proto", true],
  ["Application/GRPC-Web-Text; charset=utf-8", true],
  ["application/grpc-web-textual", false],
  ["application/grpc-web", false],
  ["text/application/grpc-web-text", false],
  [null, false],
])("%s is the text form: %s", (contentType, expected) => {
  expect(isGrpcWebText(contentType)).toBe(expected);
});
