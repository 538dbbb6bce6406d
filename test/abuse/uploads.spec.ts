import { test } from "vitest";
import { until } from "../support/until.ts";
import { type Attacker, attacker, data, grpcRequest, headers, nth, request } from "./attacker.ts";
import { expectHarmless, siegeForTests } from "./siege.ts";

const siege = siegeForTests();

const CONNECTIONS = 8;
const STREAMS = 100;
const FRAME_BYTES = 16_000;
const FIRST_WINDOW_BYTES = 65_535;

/** Sends on all streams, in turn, as much as the windows of the server let it: once nothing is granted any more. */
async function fill(peer: Attacker): Promise<void> {
  const sent = new Map<number, number>();
  let total = 0;
  for (let isOpen = true; isOpen; ) {
    isOpen = false;
    for (let index = 0; index < STREAMS; index++) {
      const stream = nth(index);
      const ofStream = sent.get(stream) ?? 0;
      const left = Math.min(
        FIRST_WINDOW_BYTES + peer.grantedBytes(0) - total,
        FIRST_WINDOW_BYTES + peer.grantedBytes(stream) - ofStream,
      );
      if (left >= FRAME_BYTES) {
        await peer.send(data(stream, FRAME_BYTES));
        sent.set(stream, ofStream + FRAME_BYTES);
        total += FRAME_BYTES;
        isOpen = true;
      }
    }
    await peer.settle();
  }
}

test("uploads that no handler reads are stopped by their windows, and keep no answer from coming", async () => {
  const outcome = await siege.endure(async () => {
    const peers = await Promise.all(Array.from({ length: CONNECTIONS }, () => attacker(siege.url)));
    for (const peer of peers) {
      for (let index = 0; index < STREAMS; index++) {
        const fields = index % 2 === 0 ? grpcRequest("Collect") : request("POST", "/unread");
        await peer.send(headers(nth(index), fields, false));
      }
      await fill(peer);
    }
    await until(async () => (await siege.stats()).requests > CONNECTIONS * STREAMS);
    await fetch(`${siege.url}/release`);
    for (const peer of peers) {
      await peer.until(() => peer.ended.size === STREAMS);
      peer[Symbol.dispose]();
    }
  }, 64);
  expectHarmless(outcome);
});
