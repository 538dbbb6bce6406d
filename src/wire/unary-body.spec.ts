import { randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import { Code, ConnectError } from "@connectrpc/connect";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { until } from "../../test/support/until.ts";
import type { CallPlan } from "./call-plan.ts";
import { gzip, refuseBomb } from "./compression.ts";
import { COMPRESSED_FLAG, ENVELOPE_BYTES, envelope } from "./envelope.ts";
import type { Exchange } from "./exchange.ts";
import { UnaryBody } from "./unary-body.ts";

const MAX_BYTES = 100;
/** More of a compressed body than this is looked at (see gather.ts). */
const LOOK_BYTES = 64 * 1024;

type Event =
  | { readonly body: Buffer }
  | { readonly unreadable: Buffer }
  | { readonly refused: { readonly code: Code; readonly message: string } }
  | "closed";

interface Given {
  readonly isEnveloped?: boolean;
  readonly isCompressed?: boolean;
  readonly maxBytes?: number;
  readonly mayHold?: (bytes: number) => boolean;
}

/** A body, what becomes of it, and the books of it. */
function bodyOf({ isEnveloped = false, isCompressed = false, maxBytes = MAX_BYTES, mayHold = () => true }: Given) {
  const events: Event[] = [];
  const books = { consumed: 0, held: 0, mostHeld: 0 };
  const exchange = {
    consumed(bytes: number) {
      books.consumed += bytes;
    },
    hold(bytes: number) {
      if (!mayHold(bytes)) return false;
      books.held = bytes;
      books.mostHeld = Math.max(books.mostHeld, bytes);
      return true;
    },
  };
  const plan = { isEnveloped, requestCompression: isCompressed ? gzip : undefined };
  // Of neither is more used.
  const body = new UnaryBody(exchange as Exchange, plan as CallPlan, maxBytes, {
    onBody: (bytes) => events.push({ body: Buffer.from(bytes) }),
    onUnreadable: (bytes) => events.push({ unreadable: Buffer.from(bytes) }),
    onRefused(thrown) {
      const { code, rawMessage } = ConnectError.from(thrown);
      events.push({ refused: { code, message: rawMessage } });
    },
    onClose: () => events.push("closed"),
  });
  return { body, events, books };
}

/** Parts of a body; the last one may say that it is. */
function cutAt(bytes: Uint8Array, cuts: readonly number[]): readonly Uint8Array[] {
  const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end));
}

const cuts = fc.array(fc.nat(), { maxLength: 10 });

describe.each([{ isEnveloped: false }, { isEnveloped: true }])("a body, enveloped: $isEnveloped", ({ isEnveloped }) => {
  const most = MAX_BYTES + (isEnveloped ? ENVELOPE_BYTES : 0);

  test("comes whole, however it is cut, or is unreadable where it is too large; all of it is accounted for", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 150 }), cuts, fc.boolean(), (bytes, at, saysLast) => {
        const { body, events, books } = bodyOf({ isEnveloped });
        const parts = cutAt(bytes, at);
        for (const [index, part] of parts.entries()) body.onData(part, saysLast && index === parts.length - 1);
        body.onEnd();
        expect(events).toHaveLength(1);
        if (bytes.length <= most) {
          expect(events).toEqual([{ body: Buffer.from(bytes) }]);
        } else {
          const [{ unreadable }] = events as [{ unreadable: Buffer }]; // else undefined, and the next line fails
          expect(unreadable).toEqual(Buffer.from(bytes.subarray(0, unreadable.length)));
          expect(unreadable.length).toBeGreaterThan(most);
        }
        expect(books).toMatchObject({ consumed: bytes.length, held: 0 });
      }),
    );
  });

  test("is unreadable as soon as it is too large, once, and what comes then is dropped", () => {
    const { body, events, books } = bodyOf({ isEnveloped });
    body.onData(new Uint8Array(most), false);
    expect(events).toEqual([]);
    expect(books.held).toBeGreaterThanOrEqual(most);
    body.onData(new Uint8Array(1), false);
    expect(events).toEqual([{ unreadable: Buffer.alloc(most + 1) }]);
    body.onData(new Uint8Array(10), true);
    body.onEnd();
    expect(events).toHaveLength(1);
    expect(books).toMatchObject({ consumed: most + 11, held: 0 });
  });
});

test("a body that comes in one part is neither copied nor held", () => {
  const given = Buffer.from("one part");
  let got: Uint8Array | undefined;
  const { books } = bodyOf({});
  const exchange = { consumed: () => undefined, hold: () => expect.unreachable("nothing is kept") };
  const body = new UnaryBody(exchange as Partial<Exchange> as Exchange, {} as CallPlan, MAX_BYTES, {
    onBody(bytes) {
      got = bytes;
    },
    onUnreadable: () => undefined,
    onRefused: () => undefined,
    onClose: () => undefined,
  });
  body.onData(given, true);
  body.onEnd();
  expect(got).toBe(given);
  expect(books.mostHeld).toBe(0);
});

test("a body that may not be kept is refused once, gives back what it held, and is acknowledged to its end", () => {
  const { body, events, books } = bodyOf({ maxBytes: 100_000, mayHold: (bytes) => bytes < 10_000 });
  for (let part = 0; part < 30; part++) body.onData(new Uint8Array(1000), false);
  body.onEnd();
  const message = "the service holds as much of unfinished messages as it may";
  expect(events).toEqual([{ refused: { code: Code.ResourceExhausted, message } }]);
  expect(books.mostHeld).toBeGreaterThan(0);
  expect(books).toMatchObject({ consumed: 30_000, held: 0 });
});

test("many small parts cost no more than their bytes", () => {
  let holds = 0;
  const { body, events, books } = bodyOf({
    maxBytes: 200_000,
    mayHold() {
      holds++;
      return true;
    },
  });
  for (let byte = 0; byte < 128 * 1024; byte++) body.onData(Uint8Array.of(byte), false);
  body.onEnd();
  expect(events).toMatchObject([{ body: { length: 128 * 1024 } }]);
  expect(holds).toBeLessThan(12);
  expect(books.mostHeld).toBeLessThan(256 * 1024);
});

const BOMB_MAX_BYTES = 100_000;
/** Smaller than that, and larger than what is looked at; inflates to much more. */
const BOMB = gzipSync(randomBytes(550_000).map((byte) => byte & 1));

/** Resolves behind the looks that have begun: only a few are taken at a time. */
async function looksAreOver(): Promise<void> {
  const looks = Array.from({ length: 6 }, () => refuseBomb("gzip", BOMB, BOMB_MAX_BYTES));
  for (const { status } of await Promise.allSettled(looks)) expect(status).toBe("rejected");
}

describe.each([{ isEnveloped: false }, { isEnveloped: true }])(
  "what is compressed, enveloped: $isEnveloped",
  ({ isEnveloped }) => {
    function framed(flags: number, bytes: Uint8Array): Uint8Array {
      return isEnveloped ? envelope(flags, bytes) : bytes;
    }

    test("and inflates to too much is refused by its beginning", async () => {
      const bomb = framed(COMPRESSED_FLAG, BOMB);
      expect(bomb.length).toBeGreaterThan(LOOK_BYTES + 1000);
      const { body, events, books } = bodyOf({ isEnveloped, isCompressed: true, maxBytes: BOMB_MAX_BYTES });
      body.onData(bomb.subarray(0, 1000), false);
      body.onData(bomb.subarray(1000, LOOK_BYTES + 1000), false);
      await until(() => events.length > 0);
      const message = `message is larger than configured readMaxBytes ${BOMB_MAX_BYTES} after decompression`;
      expect(events).toEqual([{ refused: { code: Code.ResourceExhausted, message } }]);
      body.onData(bomb.subarray(LOOK_BYTES + 1000), true);
      body.onEnd();
      expect(events).toHaveLength(1);
      expect(books).toMatchObject({ consumed: bomb.length, held: 0 });
    });

    test("is acknowledged no further than to its beginning while that is looked at", async () => {
      const bytes = framed(COMPRESSED_FLAG, gzipSync(randomBytes(LOOK_BYTES + 20_000)));
      const { body, books } = bodyOf({ isEnveloped, isCompressed: true, maxBytes: BOMB_MAX_BYTES });
      body.onData(bytes.subarray(0, LOOK_BYTES), false);
      body.onData(bytes.subarray(LOOK_BYTES), false);
      expect(books.consumed).toBe(LOOK_BYTES);
      await until(() => books.consumed !== LOOK_BYTES);
      expect(books.consumed).toBe(bytes.length);
    });

    test("and is no bomb comes whole, though its beginning was looked at", async () => {
      const bytes = framed(COMPRESSED_FLAG, gzipSync(randomBytes(LOOK_BYTES + 20_000)));
      const { body, events } = bodyOf({ isEnveloped, isCompressed: true, maxBytes: BOMB_MAX_BYTES });
      body.onData(bytes.subarray(0, LOOK_BYTES + 1000), false);
      await looksAreOver();
      body.onData(bytes.subarray(LOOK_BYTES + 1000), false);
      body.onEnd();
      expect(events).toEqual([{ body: Buffer.from(bytes) }]);
    });

    test("and has come whole before its beginning was found to be a bomb's is its owner's to refuse", async () => {
      const bomb = framed(COMPRESSED_FLAG, BOMB);
      const { body, events } = bodyOf({ isEnveloped, isCompressed: true, maxBytes: BOMB_MAX_BYTES });
      body.onData(bomb, false);
      body.onEnd();
      await looksAreOver();
      expect(events).toEqual([{ body: Buffer.from(bomb) }]);
    });
  },
);

test("an envelope that says that it is not compressed is not taken for a bomb", async () => {
  const bytes = envelope(0, BOMB);
  const { body, events } = bodyOf({ isEnveloped: true, isCompressed: true, maxBytes: BOMB_MAX_BYTES });
  body.onData(bytes.subarray(0, -1), false);
  await looksAreOver();
  body.onData(bytes.subarray(-1), true);
  body.onEnd();
  expect(events).toEqual([{ body: Buffer.from(bytes) }]);
});

test.each(["stop", "onClose"] as const)("behind %s nothing comes any more, and nothing is kept", (way) => {
  const { body, events, books } = bodyOf({});
  body.onData(new Uint8Array(10), false);
  body[way]();
  expect(books.held).toBe(0);
  body.onData(new Uint8Array(10), true);
  body.onEnd();
  expect(events).toEqual(way === "onClose" ? ["closed"] : []);
  expect(books).toMatchObject({ consumed: 20, held: 0 });
});
