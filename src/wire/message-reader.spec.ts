import { setImmediate as turn } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { create, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { type StringValue, StringValueSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  pipe,
  transformDecompressEnvelope,
  transformParseEnvelope,
  transformSplitEnvelope,
} from "@connectrpc/connect/protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { gzip } from "./compression.ts";
import { COMPRESSED_FLAG, envelope } from "./envelope.ts";
import { type MessageForm, MessageReader } from "./message-reader.ts";

const MAX_BYTES = 100;
const END_FLAG = 0b10;
const RUNS = 1000;

const codec = {
  parse: (bytes: Uint8Array): StringValue => fromBinary(StringValueSchema, new Uint8Array(bytes)),
  serialize: () => new Uint8Array(0), // nothing is written here
};

/** What somebody who reads messages gets, in order. */
type Read = { readonly value: string } | { readonly error: { readonly code: Code; readonly message: string } } | "done";

function messageBytes(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(toBinary(StringValueSchema, create(StringValueSchema, { value: text })));
}

const text = fc.oneof(
  fc.constantFrom("", "a"),
  fc.string({ maxLength: 60 }),
  fc.string({ minLength: 90, maxLength: 130 }),
);
const payload = fc.oneof(
  { weight: 6, arbitrary: text.map(messageBytes) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 20 }) },
);
const compressed = fc.oneof(
  { weight: 6, arbitrary: payload.map((bytes) => new Uint8Array(gzipSync(bytes))) },
  { weight: 1, arbitrary: fc.constant(new Uint8Array(gzipSync(Buffer.alloc(10_000)))) }, // a bomb
  { weight: 1, arbitrary: payload },
);
const part = fc.oneof(
  { weight: 12, arbitrary: payload.map((bytes) => envelope(0, bytes)) },
  { weight: 4, arbitrary: compressed.map((bytes) => envelope(COMPRESSED_FLAG, bytes)) },
  { weight: 2, arbitrary: payload.map((bytes) => envelope(END_FLAG, bytes)) },
  { weight: 1, arbitrary: compressed.map((bytes) => envelope(END_FLAG | COMPRESSED_FLAG, bytes)) },
  { weight: 1, arbitrary: payload.map((bytes) => envelope(0b100, bytes)) },
  { weight: 1, arbitrary: fc.nat(0xff).map((more) => Buffer.of(0, 0, 0, 1, more)) }, // too large
);
const body = fc
  .tuple(fc.array(part, { maxLength: 10 }), fc.oneof(fc.constant(0), fc.nat(30)))
  .map(([parts, missing]) => {
    const whole = Buffer.concat(parts);
    return whole.subarray(0, Math.max(0, whole.length - missing));
  });
const form = fc.record({
  codec: fc.constant(codec),
  compression: fc.constantFrom(gzip, undefined),
  readMaxBytes: fc.constant(MAX_BYTES),
  endFlag: fc.constantFrom(END_FLAG, undefined),
});

type Action = { readonly does: "push"; readonly bytes: number } | { readonly does: "read" | "wait" };
const action: fc.Arbitrary<Action> = fc.oneof(
  fc.record({
    does: fc.constant("push" as const),
    bytes: fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 300 })),
  }),
  fc.record({ does: fc.constantFrom("read" as const, "wait" as const) }),
);
const script = fc.array(action, { maxLength: 40 });

/** The messages of a body by Connect's own transforms, as long as there are any, and how they end. */
async function readByConnect(bytes: Uint8Array, { compression, endFlag }: MessageForm): Promise<readonly Read[]> {
  async function* byteByByte() {
    for (const byte of bytes) yield Uint8Array.of(byte);
  }
  const messages = pipe(
    byteByByte(),
    transformSplitEnvelope(MAX_BYTES),
    transformDecompressEnvelope(compression ?? null, MAX_BYTES),
    endFlag === undefined ? transformParseEnvelope(codec) : transformParseEnvelope(codec, endFlag),
  );
  const found: Read[] = [];
  try {
    for await (const { value } of messages) found.push({ value });
    found.push("done");
  } catch (error) {
    found.push(failure(error));
  }
  return found;
}

function failure(thrown: unknown): Read {
  const { code, rawMessage } = ConnectError.from(thrown, Code.Internal);
  return { error: { code, message: rawMessage } };
}

/** A reader, and the books of what it does. */
function readerOf(given: MessageForm, mayHold: (bytes: number) => boolean = () => true) {
  const books = { pushed: 0, consumed: 0, held: 0, told: [] as string[] };
  const reader = new MessageReader(given, {
    consumed(bytes) {
      books.consumed += bytes;
      expect(books.consumed).toBeLessThanOrEqual(books.pushed);
    },
    hold(bytes) {
      if (!mayHold(bytes)) return false;
      books.held = bytes;
      return true;
    },
    onMessage: (message) => books.told.push((message as StringValue).value), // by the codec above
  });
  const reads: Promise<Read>[] = [];
  return {
    reader,
    books,
    push(bytes: Uint8Array): void {
      books.pushed += bytes.length;
      reader.push(bytes);
    },
    read(): Promise<Read> {
      const read = reader.next().then(
        ({ done, value }): Read => (done === true ? "done" : { value: (value as Message as StringValue).value }), // as above
        failure,
      );
      reads.push(read);
      return read;
    },
    reads,
  };
}

/** Goes through a script with a body; gives back what of the body is left. */
async function play(
  to: ReturnType<typeof readerOf>,
  bytes: Uint8Array,
  actions: readonly Action[],
): Promise<Uint8Array> {
  let at = 0;
  for (const step of actions) {
    if (step.does === "push") {
      to.push(bytes.subarray(at, at + step.bytes));
      at = Math.min(bytes.length, at + step.bytes);
    } else if (step.does === "read") {
      void to.read();
    } else {
      await turn();
    }
  }
  return bytes.subarray(at);
}

function upToEnd(reads: readonly Read[]): readonly Read[] {
  const end = reads.findIndex((read) => read === "done" || "error" in read);
  return end === -1 ? reads : reads.slice(0, end + 1);
}

describe("a reader whose body is cut, and read, in whatever way", () => {
  test("gives the messages and the error that Connect gives, and all bytes are accounted for", async () => {
    await fc.assert(
      fc.asyncProperty(form, body, script, async (given, bytes, actions) => {
        const expected = await readByConnect(bytes, given);
        const to = readerOf(given);
        to.push(await play(to, bytes, actions));
        to.reader.end();
        await Promise.all(to.reads);
        while (to.reads.length < expected.length) await to.read();
        const reads = await Promise.all(to.reads);
        expect(upToEnd(reads)).toEqual(expected);
        expect(to.books.told).toEqual(
          expected.flatMap((read) => (read !== "done" && "value" in read ? [read.value] : [])),
        );
        to.reader.close();
        expect(to.books.consumed).toBe(bytes.length);
        expect(to.books.held).toBe(0);
      }),
      { numRuns: RUNS },
    );
  });

  test("gives what was there until it is left, and takes no more than it acknowledges", async () => {
    const way = fc.constantFrom("return" as const, "throw" as const, "close" as const);
    await fc.assert(
      fc.asyncProperty(form, body, script, script, way, async (given, bytes, before, after, leave) => {
        const expected = await readByConnect(bytes, given);
        const to = readerOf(given);
        const rest = await play(to, bytes, before);
        const left = {
          return: () => to.reader.return(),
          throw: () => to.reader.throw("thrown").catch((thrown: unknown) => expect(thrown).toBe("thrown")),
          close: () => to.reader.close(),
        }[leave]();
        to.push(await play(to, rest, after));
        to.reader.end();
        await left;
        const reads = upToEnd(await Promise.all(to.reads)).filter((read) => read !== "done");
        expect(reads).toEqual(expected.slice(0, reads.length));
        expect(to.books.consumed).toBe(bytes.length);
        expect(to.books.held).toBe(0);
      }),
      { numRuns: RUNS },
    );
  });
});

const plain: MessageForm = { codec, compression: undefined, readMaxBytes: MAX_BYTES, endFlag: END_FLAG };

test("a message that is not whole is accounted for until it is, and its bytes are acknowledged", async () => {
  const to = readerOf(plain);
  const message = envelope(0, messageBytes("a message"));
  const read = to.read();
  to.push(message.subarray(0, 8));
  await turn();
  expect(to.books).toMatchObject({ consumed: 8, told: [] });
  expect(to.books.held).toBeGreaterThanOrEqual(8);
  to.push(message.subarray(8));
  expect(await read).toEqual({ value: "a message" });
  void to.read();
  await turn();
  expect(to.books).toMatchObject({ consumed: message.length, held: 0, told: ["a message"] });
});

test("what comes is acknowledged only once somebody reads", async () => {
  const to = readerOf(plain);
  for (const text of ["a", "b"]) to.push(envelope(0, messageBytes(text)));
  await turn();
  expect(to.books).toMatchObject({ consumed: 0, told: [] });
  expect([await to.read(), await to.read()]).toEqual([{ value: "a" }, { value: "b" }]);
  expect(to.books).toMatchObject({ consumed: to.books.pushed, told: ["a", "b"] });
});

test("a message that may not be kept has resource_exhausted", async () => {
  const to = readerOf(plain, (bytes) => bytes < 50);
  const read = to.read();
  to.push(envelope(0, messageBytes("x".repeat(90))).subarray(0, 60));
  const message = "the service holds as much of unfinished messages as it may";
  expect(await read).toEqual({ error: { code: Code.ResourceExhausted, message } });
  to.push(new Uint8Array(10));
  expect(to.books).toMatchObject({ consumed: 70, held: 0 });
});

test("a body that breaks off fails whoever waits, and whoever reads later", async () => {
  const [waiting, later] = [readerOf(plain), readerOf(plain)];
  const read = waiting.read();
  for (const to of [waiting, later]) {
    to.push(envelope(0, messageBytes("a")).subarray(0, 5));
    to.reader.fail(new ConnectError("gone", Code.Canceled));
    to.reader.fail(new ConnectError("again", Code.Internal));
  }
  const gone = { error: { code: Code.Canceled, message: "gone" } };
  expect([await read, await later.read()]).toEqual([gone, gone]);
});

test.each([0, COMPRESSED_FLAG])("ends of a stream that come in masses are skipped: flags %i", async (flag) => {
  const to = readerOf({ ...plain, compression: gzip });
  const end = envelope(END_FLAG | flag, new Uint8Array(0));
  to.push(Buffer.concat(Array.from({ length: 20_000 }, () => end)));
  to.push(envelope(0, messageBytes("a")));
  expect(await to.read()).toEqual({ value: "a" });
});
