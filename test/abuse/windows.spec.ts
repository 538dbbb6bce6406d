import { expect, test } from "vitest";
import { until } from "../support/until.ts";
import {
  attacker,
  data,
  ERROR,
  grpcRequest,
  headers,
  message,
  nth,
  request,
  settingsFrame,
  windowUpdate,
} from "./attacker.ts";
import { expectHarmless, expectStopped, siegeForTests } from "./siege.ts";

const siege = siegeForTests();

const MAX_WINDOW = 2 ** 31 - 1;
/** Watch with `filling_bytes` of 16,384. */
const WATCH = message(Buffer.of(0x18, 0x80, 0x80, 0x01));

test.each([
  { what: "the connection's window overflows", frames: [windowUpdate(0, MAX_WINDOW)] },
  {
    what: "SETTINGS overflow a stream's window",
    frames: [windowUpdate(1, MAX_WINDOW - 65_535), settingsFrame([[4, 65_536]])],
  },
])("$what: has FLOW_CONTROL_ERROR", async ({ frames }) => {
  const outcome = await siege.endure(async () => {
    using peer = await attacker(siege.url);
    await peer.send(headers(1, request("POST", "/unread"), false), ...frames);
    expect(await peer.goAway()).toBe(ERROR.flowControl);
    await peer.closed;
  });
  expectStopped(outcome, /FLOW_CONTROL_ERROR/);
});

test("WINDOW_UPDATE of the connection by nothing has PROTOCOL_ERROR", async () => {
  const outcome = await siege.endure(async () => {
    using peer = await attacker(siege.url);
    await peer.send(windowUpdate(0, 0));
    expect(await peer.goAway()).toBe(ERROR.protocol);
    await peer.closed;
  });
  expectStopped(outcome, /PROTOCOL_ERROR/);
});

test("DATA beyond a stream's window has the stream's FLOW_CONTROL_ERROR", async () => {
  const outcome = await siege.endure(async () => {
    using peer = await attacker(siege.url);
    await peer.send(headers(1, request("POST", "/unread"), false), ...Array.from({ length: 5 }, () => data(1, 16_000)));
    await peer.until(() => peer.resets.get(1) === ERROR.flowControl);
  });
  expectStopped(outcome, /peer broke the rules/);
});

test("DATA beyond the connection's window has the connection's FLOW_CONTROL_ERROR", async () => {
  const outcome = await siege.endure(async () => {
    using peer = await attacker(siege.url);
    for (let index = 0; index < 32; index++) {
      const stream = nth(index);
      await peer.send(
        headers(stream, request("POST", "/unread"), false),
        ...Array.from({ length: 4 }, () => data(stream, 16_000)),
      );
    }
    expect(await peer.goAway()).toBe(ERROR.flowControl);
    await peer.closed;
  });
  expectStopped(outcome, /FLOW_CONTROL_ERROR/);
});

test.each([
  { what: "no window at all", initialWindowBytes: 0 },
  { what: "a window of one byte", initialWindowBytes: 1 },
])("a reader with $what and many answers pending is harmless", async ({ initialWindowBytes }) => {
  const outcome = await siege.endure(async () => {
    using peer = await attacker(siege.url, { initialWindowBytes });
    for (let index = 0; index < 120; index++) {
      const stream = nth(index);
      if (index % 3 === 0) await peer.send(headers(stream, request("GET", "/bytes?n=1000000"), true));
      else if (index % 3 === 1) await peer.send(headers(stream, request("GET", "/endless"), true));
      else await peer.send(headers(stream, grpcRequest("Watch"), false), data(stream, WATCH, true));
    }
    await peer.settle();
    await until(async () => (await siege.stats()).requests >= 120);
    await peer.settle();
  });
  expectHarmless(outcome);
});

test("a reader who opens its window byte by byte has ENHANCE_YOUR_CALM", async () => {
  const count = 1_000_000;
  const outcome = await siege.endure(async () => {
    using peer = await attacker(siege.url, { initialWindowBytes: 1 });
    await peer.send(headers(1, request("GET", `/bytes?n=${count}`), true));
    await peer.flood(count, () => windowUpdate(1, 1));
    expect(await peer.goAway()).toBe(ERROR.enhanceYourCalm);
    await peer.closed;
  });
  expectStopped(outcome, /ENHANCE_YOUR_CALM/);
});

test("a reader who takes SETTINGS for its window, byte by byte, has ENHANCE_YOUR_CALM", async () => {
  const count = 1_000_000;
  const outcome = await siege.endure(async () => {
    using peer = await attacker(siege.url, { initialWindowBytes: 0 });
    await peer.send(headers(1, request("GET", `/bytes?n=${count}`), true));
    await peer.flood(count, (index) => settingsFrame([[4, index + 1]]));
    expect(await peer.goAway()).toBe(ERROR.enhanceYourCalm);
    await peer.closed;
  });
  expectStopped(outcome, /ENHANCE_YOUR_CALM/);
});
