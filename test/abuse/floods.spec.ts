import { expect, test } from "vitest";
import { frame } from "../support/frames.ts";
import {
  attacker,
  data,
  ERROR,
  FLAGS,
  grpcRequest,
  headers,
  nth,
  request,
  settingsFrame,
  TYPE,
  windowUpdate,
} from "./attacker.ts";
import { expectHarmless, expectStopped, siegeForTests } from "./siege.ts";

const siege = siegeForTests();

const COUNT = 200_000;

test.each([
  { what: "SETTINGS", make: () => settingsFrame([[3, 100]]) },
  { what: "SETTINGS without a setting", make: () => settingsFrame([]) },
  {
    what: "SETTINGS that change every stream's window",
    make: (index: number) => settingsFrame([[4, 1000 + (index % 2)]]),
  },
  { what: "SETTINGS that change the header table", make: (index: number) => settingsFrame([[1, (index % 2) * 4096]]) },
  { what: "acknowledgements of no SETTINGS", make: () => frame(TYPE.settings, FLAGS.ack, 0) },
  { what: "PING", make: () => frame(TYPE.ping, 0, 0, Buffer.alloc(8)) },
  { what: "answers to no PING", make: () => frame(TYPE.ping, FLAGS.ack, 0, Buffer.alloc(8)) },
  { what: "WINDOW_UPDATE on the connection", make: () => windowUpdate(0, 1) },
  { what: "WINDOW_UPDATE on a stream", make: () => windowUpdate(1, 1) },
  { what: "WINDOW_UPDATE on a stream that is over", make: () => windowUpdate(3, 1) },
  { what: "PRIORITY", make: () => frame(TYPE.priority, 0, 1, Buffer.alloc(5)) },
  {
    what: "PRIORITY on streams that are not open",
    make: (index: number) => frame(TYPE.priority, 0, nth(index + 9), Buffer.alloc(5)),
  },
  { what: "empty DATA", make: () => data(1) },
  { what: "DATA of nothing but padding", make: () => frame(TYPE.data, FLAGS.padded, 1, Buffer.of(0)) },
  { what: "frames of an unknown type", make: () => frame(0xbe, 0, 1, Buffer.alloc(8)) },
  { what: "GOAWAY", make: () => frame(TYPE.goaway, 0, 0, Buffer.alloc(8)) },
])("a flood of $what has ENHANCE_YOUR_CALM", async ({ make }) => {
  const outcome = await siege.endure(async () => {
    using peer = await attacker(siege.url);
    await peer.send(headers(1, grpcRequest("Converse"), false), headers(3, request("GET", "/bytes?n=1"), true));
    await peer.until(() => peer.ended.has(3));
    await peer.flood(COUNT, make);
    expect(await peer.goAway()).toBe(ERROR.enhanceYourCalm);
    await peer.closed;
  });
  expectStopped(outcome, /ENHANCE_YOUR_CALM/);
});

test("a flood of DATA that is nearly all padding is harmless", async () => {
  const outcome = await siege.endure(async () => {
    using peer = await attacker(siege.url);
    await peer.send(headers(1, grpcRequest("Converse"), false));
    const padded = frame(TYPE.data, FLAGS.padded, 1, Buffer.concat([Buffer.of(255), Buffer.alloc(256)]));
    await peer.flood(200, () => padded); // what the windows have room for
    await peer.settle();
  });
  expectHarmless(outcome);
});
