import { expect, test } from "vitest";
import { PREFACE } from "../support/frames.ts";
import { type RawSocket, rawSocket } from "../support/raw-socket.ts";
import { until } from "../support/until.ts";
import { type Attacker, attacker, ERROR, headers, request } from "./attacker.ts";
import { expectHarmless, expectStopped, siegeForTests } from "./siege.ts";

const siege = siegeForTests({ REQUEST_HEAD_MS: "5000" });

const COUNT = 2000;

test("a peer that never acknowledges SETTINGS has SETTINGS_TIMEOUT", { timeout: 60_000 }, async () => {
  const outcome = await siege.endure(async () => {
    using peer = await attacker(siege.url, { acknowledges: false });
    expect(await peer.goAway()).toBe(ERROR.settingsTimeout);
    await peer.closed;
  });
  expectStopped(outcome, /SETTINGS_TIMEOUT/);
});

test("2,000 connections that have had a call and then do nothing are harmless", { timeout: 60_000 }, async () => {
  const outcome = await siege.endure(async () => {
    const peers: Attacker[] = [];
    while (peers.length < COUNT) {
      peers.push(...(await Promise.all(Array.from({ length: 50 }, () => attacker(siege.url, { grants: true })))));
      const latest = peers.slice(-50);
      for (const peer of latest) await peer.send(headers(1, request("GET", "/bytes?n=1"), true));
      await Promise.all(latest.map((peer) => peer.until(() => peer.ended.has(1))));
    }
    expect((await siege.stats()).connections).toBeGreaterThan(COUNT);
    for (const peer of peers) peer[Symbol.dispose]();
  });
  expectHarmless(outcome);
});

test.each([
  { what: "nothing", bytes: Buffer.alloc(0) },
  { what: "half of the preface", bytes: PREFACE.subarray(0, 10) },
  { what: "half of a head", bytes: Buffer.from("GET / HTTP/1.1\r\nhost: a") },
])("1,000 connections that send $what are harmless, and ended in time", { timeout: 60_000 }, async ({ bytes }) => {
  const outcome = await siege.endure(async () => {
    const sockets: RawSocket[] = [];
    while (sockets.length < 1000) {
      sockets.push(...(await Promise.all(Array.from({ length: 50 }, () => rawSocket(siege.url)))));
      await Promise.all(sockets.slice(-50).map((socket) => bytes.length > 0 && socket.send(bytes)));
    }
    await until(async () => (await siege.stats()).connections > 1000);
    await Promise.all(sockets.map(({ closed }) => closed));
    for (const socket of sockets) socket[Symbol.dispose]();
  });
  expectHarmless(outcome);
});
