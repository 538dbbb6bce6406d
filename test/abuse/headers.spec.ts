import { describe, expect, test } from "vitest";
import { attacker, ERROR, FLAGS, frame, headerBlock, headers, nth, request, settingsFrame, TYPE } from "./attacker.ts";
import { expectHarmless, expectStopped, siegeForTests } from "./siege.ts";

const siege = siegeForTests();

const COUNT = 100_000;
const GET = headerBlock(request("GET", "/bytes?n=1"));

test.each([
  { what: "of nothing", fragment: Buffer.alloc(0) },
  { what: "of a byte", fragment: Buffer.alloc(1) },
  { what: "that are full", fragment: Buffer.alloc(16 * 1024) },
])("a flood of CONTINUATION frames $what has ENHANCE_YOUR_CALM", async ({ fragment }) => {
  const outcome = await siege.endure(async () => {
    using peer = await attacker(siege.url);
    await peer.send(frame(TYPE.headers, 0, 1, GET));
    await peer.flood(COUNT, () => frame(TYPE.continuation, 0, 1, fragment));
    expect(await peer.goAway()).toBe(ERROR.enhanceYourCalm);
    await peer.closed;
  });
  expectStopped(outcome, /ENHANCE_YOUR_CALM/);
});

test("a flood of HEADERS in many fragments, most of them empty, has ENHANCE_YOUR_CALM", async () => {
  const outcome = await siege.endure(async () => {
    using peer = await attacker(siege.url);
    await peer.flood(COUNT, (index) =>
      Buffer.concat([
        frame(TYPE.headers, FLAGS.endStream, nth(index)),
        ...Array.from({ length: 20 }, () => frame(TYPE.continuation, 0, nth(index))),
        frame(TYPE.continuation, FLAGS.endHeaders, nth(index), GET),
      ]),
    );
    expect(await peer.goAway()).toBe(ERROR.enhanceYourCalm);
    await peer.closed;
  });
  expectStopped(outcome, /ENHANCE_YOUR_CALM/);
});

describe("HPACK", () => {
  /** A field of about 4,000 bytes that goes into the table, where it is the newest. */
  const STORED = Buffer.concat([
    Buffer.of(0x40, 6),
    Buffer.from("x-bomb"),
    Buffer.of(127, 0xa1, 0x1e),
    Buffer.alloc(4000, "b"),
  ]);
  const NEWEST = 0x80 | 62;

  test("a bomb, each of whose bytes stands for 4,000, is refused for the size of the list, and harmless", async () => {
    const bomb = Buffer.concat([GET, STORED, Buffer.alloc(10_000, NEWEST)]);
    const count = 500;
    const outcome = await siege.endure(async () => {
      using peer = await attacker(siege.url, { grants: true });
      for (let index = 0; index < count; index++) {
        await peer.send(frame(TYPE.headers, FLAGS.endHeaders | FLAGS.endStream, nth(index), bomb));
        await peer.until(() => peer.ended.has(nth(index)));
        expect(peer.resets.size).toBe(0);
      }
    });
    expectHarmless(outcome);
  });

  test("thrashing the table by new entries is harmless", async () => {
    const count = 2000;
    const outcome = await siege.endure(async () => {
      using peer = await attacker(siege.url, { grants: true });
      for (let index = 0; index < count; index++) {
        const entries = Array.from({ length: 40 }, (_, entry) => {
          const name = `x-${index}-${entry}`;
          return Buffer.concat([Buffer.of(0x40, name.length), Buffer.from(name), Buffer.of(60), Buffer.alloc(60, "v")]);
        });
        const block = Buffer.concat([GET, ...entries]);
        await peer.send(frame(TYPE.headers, FLAGS.endHeaders | FLAGS.endStream, nth(index), block));
        if (index % 50 === 0) await peer.until(() => peer.ended.has(nth(index)));
      }
      await peer.until(() => peer.ended.size === count);
    });
    expectHarmless(outcome);
  });

  test("thrashing the table by its size is harmless", async () => {
    const count = 2000;
    const updates = Buffer.of(0x20, 0x3f, 0xe1, 0x1f); // to 0, and to 4,096
    const outcome = await siege.endure(async () => {
      using peer = await attacker(siege.url, { grants: true });
      for (let index = 0; index < count; index++) {
        const block = Buffer.concat([updates, GET, STORED]);
        await peer.send(frame(TYPE.headers, FLAGS.endHeaders | FLAGS.endStream, nth(index), block));
        if (index % 50 === 0) await peer.until(() => peer.ended.has(nth(index)));
      }
      await peer.until(() => peer.ended.size === count);
    });
    expectHarmless(outcome);
  });

  test("a table of 4 GiB for what the server sends is not taken up", async () => {
    const count = 2000;
    const outcome = await siege.endure(async () => {
      using peer = await attacker(siege.url, { grants: true, headerTableBytes: 2 ** 32 - 1 });
      for (let index = 0; index < count; index++) {
        const id = ["x-request-id", `${index}`.padStart(100, "i")] as const; // comes back, each another
        await peer.send(headers(nth(index), request("GET", "/bytes?n=1", id), true));
        if (index % 50 === 0) await peer.until(() => peer.ended.has(nth(index)));
      }
      await peer.until(() => peer.ended.size === count);
    });
    expectHarmless(outcome);
  });

  test.each([
    { what: "a table larger than is granted", block: Buffer.of(0x3f, 0xff, 0xff, 0x7f) },
    { what: "a table size of endless digits", block: Buffer.concat([Buffer.of(0x3f), Buffer.alloc(1000, 0xff)]) },
    { what: "an entry that is not there", block: Buffer.of(0xff, 0x7f) },
    { what: "a string longer than its block", block: Buffer.of(0, 1, 0x61, 0x7f, 0xff, 0xff, 0x03) },
  ])("$what has COMPRESSION_ERROR", async ({ block }) => {
    const outcome = await siege.endure(async () => {
      using peer = await attacker(siege.url);
      await peer.send(frame(TYPE.headers, FLAGS.endHeaders | FLAGS.endStream, 1, block));
      expect(await peer.goAway()).toBe(ERROR.compression);
      await peer.closed;
    });
    expectStopped(outcome, /COMPRESSION_ERROR/);
  });
});

test.each([
  { what: "DATA", type: TYPE.data, stream: 1 },
  { what: "HEADERS", type: TYPE.headers, stream: 3 },
  { what: "SETTINGS", type: TYPE.settings, stream: 0 },
  { what: "GOAWAY", type: TYPE.goaway, stream: 0 },
  { what: "an unknown frame", type: 0xbe, stream: 0 },
])("$what of more than 16 KiB has FRAME_SIZE_ERROR by its head, before the rest has come", async ({ type, stream }) => {
  const outcome = await siege.endure(async () => {
    using peer = await attacker(siege.url);
    await peer.send(headers(1, request("POST", "/unread"), false));
    const oversized = frame(type, 0, stream);
    oversized.writeUIntBE(0xff_ffff, 0, 3);
    await peer.send(oversized);
    expect(await peer.goAway()).toBe(ERROR.frameSize);
    await peer.closed;
  });
  expectStopped(outcome, /FRAME_SIZE_ERROR/);
});

test("SETTINGS that may not be have the error that the RFC names", async () => {
  for (const [setting, value, code] of [
    [4, 2 ** 31, ERROR.flowControl],
    [5, 2 ** 24, ERROR.protocol],
    [5, 100, ERROR.protocol],
    [2, 2, ERROR.protocol],
  ] as const) {
    const outcome = await siege.endure(async () => {
      using peer = await attacker(siege.url);
      await peer.send(settingsFrame([[setting, value]]));
      expect(await peer.goAway()).toBe(code);
      await peer.closed;
    });
    expectStopped(outcome, /broke the rules/);
  }
});
