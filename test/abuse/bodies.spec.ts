import { create, toBinary } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { TaskSchema } from "../behaviour/gen/behaviour/v1/behaviour_pb.js";
import { until } from "../support/until.ts";
import { type Attacker, attacker, data, ERROR, grpcRequest, headers, message, nth, request } from "./attacker.ts";
import { expectHarmless, expectStopped, siegeForTests, startSiege } from "./siege.ts";

const MIB = 1024 * 1024;
const FIRST_WINDOW_BYTES = 65_535;
/** As large as is taken: four mebibytes, less what the field costs. */
const LARGEST = message(toBinary(TaskSchema, create(TaskSchema, { text: "x".repeat(4 * MIB - 5) })));

const siege = siegeForTests();

/** What was sent on all streams of a connection. */
const totals = new WeakMap<Attacker, number>();

/** Sends a body in frames of `frameBytes`, as far as the windows of the server go; stops when the connection ends. */
async function dribble(peer: Attacker, stream: number, body: Buffer, frameBytes: number, ends = true): Promise<void> {
  for (let at = 0; at < body.length; ) {
    const total = totals.get(peer) ?? 0;
    const begin = at;
    const left = () => FIRST_WINDOW_BYTES + Math.min(peer.grantedBytes(0) - total, peer.grantedBytes(stream) - begin);
    if (left() < frameBytes) {
      await peer.until(() => left() >= frameBytes || peer.ended.has(stream));
    }
    if (peer.ended.has(stream)) return;
    const most = begin + left();
    const frames: Buffer[] = [];
    for (; at < body.length && frames.length < 4000 && at + frameBytes <= most; at += frameBytes) {
      const end = at + frameBytes;
      frames.push(data(stream, body.subarray(at, end), ends && end >= body.length));
    }
    totals.set(peer, total + at - begin);
    if (!(await peer.send(...frames))) return;
  }
}

test("a message of 4 MiB in DATA frames of one byte has ENHANCE_YOUR_CALM", async () => {
  const outcome = await siege.endure(async () => {
    using peer = await attacker(siege.url);
    await peer.send(headers(1, grpcRequest("Act"), false));
    const sent = dribble(peer, 1, LARGEST, 1).catch(() => undefined);
    expect(await peer.goAway()).toBe(ERROR.enhanceYourCalm);
    await sent;
  });
  expectStopped(outcome, /ENHANCE_YOUR_CALM/);
});

test.each([
  { what: "gRPC", fields: grpcRequest("Act"), body: LARGEST },
  {
    what: "Connect",
    fields: request("POST", "/behaviour.v1.BehaviourService/Act", ["content-type", "application/proto"]),
    body: LARGEST.subarray(5),
  },
])("a message of 4 MiB over $what in DATA frames of five bytes is answered, and harmless", async ({ fields, body }) => {
  const outcome = await siege.endure(async () => {
    using peer = await attacker(siege.url);
    await peer.send(headers(1, fields, false));
    await dribble(peer, 1, body, 5);
    await peer.until(() => peer.ended.has(1));
    expect(peer.headersOf(1)).not.toContain("grpc-message");
    expect(peer.resets.size).toBe(0);
  });
  expectHarmless(outcome);
});

test("streams that are opened and never finished are harmless", async () => {
  const outcome = await siege.endure(async () => {
    const peers = await Promise.all(Array.from({ length: 8 }, () => attacker(siege.url)));
    const beginning = message(Buffer.alloc(4 * MIB)).subarray(0, 1000);
    for (const peer of peers) {
      for (let index = 0; index < 128; index++) {
        const fields = [grpcRequest("Act"), request("POST", "/unread"), grpcRequest("Converse")][index % 3] ?? [];
        await peer.send(headers(nth(index), fields, false), data(nth(index), beginning));
      }
      await peer.settle();
    }
    await until(async () => (await siege.stats()).requests > 8 * 128);
    for (const peer of peers) peer[Symbol.dispose]();
  });
  expectHarmless(outcome);
  await until(async () => (await siege.stats()).waitingBytes === 0);
});

test("messages that are never whole are refused once the process holds as much as it may", async () => {
  const limit = 8 * MIB;
  await using other = await startSiege({ BUFFERED_BYTES: String(limit) });
  const outcome = await other.endure(async () => {
    using peer = await attacker(other.url);
    for (let index = 0; index < 16; index++) {
      await peer.send(headers(nth(index), grpcRequest("Act"), false));
      await dribble(peer, nth(index), LARGEST.subarray(0, 3 * MIB), 16_000, false).catch(() => undefined);
      if (peer.ended.size > 0) break;
    }
    expect(peer.ended.size, "calls that were refused").toBeGreaterThan(0);
    const { waitingBytes } = await other.stats();
    expect(waitingBytes).toBeLessThanOrEqual(limit);
    expect(waitingBytes).toBeGreaterThan(limit / 2);
  });
  expectHarmless(outcome);
  await until(async () => (await other.stats()).waitingBytes === 0);
});
