import { expect, test } from "vitest";
import { until } from "../support/until.ts";
import { attacker, data, grpcRequest, headers, message, nth, request } from "./attacker.ts";
import { expectHarmless, siegeForTests } from "./siege.ts";

const siege = siegeForTests();

const CONNECTIONS = 8;
const STREAMS = 128;
/** Act with `filling_bytes` of 1,000,000. */
const TASK = message(Buffer.of(0x18, 0xc0, 0x84, 0x3d));

test.each([
  { what: "no window at all", initialWindowBytes: 0 },
  { what: "windows of one byte", initialWindowBytes: 1 },
])("hoarding a gigabyte of answers behind $what is harmless", async ({ initialWindowBytes }) => {
  const outcome = await siege.endure(async () => {
    const peers = await Promise.all(
      Array.from({ length: CONNECTIONS }, () => attacker(siege.url, { initialWindowBytes })),
    );
    for (const peer of peers) {
      for (let index = 0; index < STREAMS; index++) {
        const stream = nth(index);
        if (index % 2 === 0) await peer.send(headers(stream, grpcRequest("Act"), false), data(stream, TASK, true));
        else await peer.send(headers(stream, request("GET", "/bytes?n=1000000"), true));
      }
    }
    for (const peer of peers) await peer.settle();
    await until(async () => (await siege.stats()).requests > CONNECTIONS * STREAMS);
    for (const peer of peers) await peer.settle();
    expect((await siege.stats()).waitingBytes).toBeGreaterThan(0);
    for (const peer of peers) peer[Symbol.dispose]();
  }, 64);
  expectHarmless(outcome);
});
