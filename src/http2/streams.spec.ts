import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MAX_STREAM_ID } from "./frame.ts";
import { Stream, type StreamCarrier } from "./stream.ts";
import { Streams } from "./streams.ts";

const none = () => undefined;
const carrier: StreamCarrier = {
  sendHead: none,
  sendData: () => true,
  sendTrailers: none,
  consumed: none,
  reset: none,
};
const streamOf = (id: number) => new Stream(carrier, id, undefined, false, false, 0, 0, 0);

describe("the streams of a connection", () => {
  test("are numbered odd by a client and even by a server", () => {
    const [client, server] = [new Streams(false), new Streams(true)];
    expect([client.nextOwnId(), client.nextOwnId(), client.nextOwnId()]).toEqual([1, 3, 5]);
    expect([server.nextOwnId(), server.nextOwnId()]).toEqual([2, 4]);
  });

  test("are found by their identifiers until they are removed", () => {
    const streams = new Streams(true);
    const [one, three] = [streamOf(1), streamOf(3)];
    streams.add(one);
    streams.add(three);
    expect([streams.get(1), streams.get(3), streams.get(5)]).toEqual([one, three, undefined]);
    streams.remove(three);
    streams.remove(one);
    expect([streams.get(1), streams.get(3), streams.size]).toEqual([undefined, undefined, 0]);
  });

  test("are found however many are open and however far their identifiers are apart", () => {
    const distances = fc.array(fc.oneof(fc.integer({ min: 1, max: 4 }), fc.constantFrom(8, 256, 512, 100_000)), {
      maxLength: 600,
    });
    fc.assert(
      fc.property(distances, fc.infiniteStream(fc.boolean()), (distances, isOver) => {
        const streams = new Streams(true);
        const open = new Map<number, Stream>();
        let id = 1;
        for (const distance of distances) {
          const stream = streamOf(id);
          streams.add(stream);
          open.set(id, stream);
          for (const other of [...open.values()].slice(-3)) {
            if (isOver.next().value) {
              streams.remove(other);
              streams.remove(other); // twice is once
              open.delete(other.id);
            }
          }
          expect(streams.get(id)).toBe(open.get(id));
          id += distance * 2;
        }
        expect(streams.size).toBe(open.size);
        expect(new Set(streams.values())).toEqual(new Set(open.values()));
        for (const [id, stream] of open) expect(streams.get(id)).toBe(stream);
      }),
    );
  });

  test("are idle above the highest that was opened, on each side's numbers", () => {
    const client = new Streams(false);
    client.nextOwnId();
    expect([1, 3, 2].map((id) => client.isIdle(id))).toEqual([false, true, true]);
    const server = new Streams(true);
    server.lastOfPeer = 5;
    expect([1, 5, 7, 2].map((id) => server.isIdle(id))).toEqual([false, false, true, true]);
    expect(server.isIdle(MAX_STREAM_ID)).toBe(true);
  });

  test("that were reset here are remembered; those too long ago, and older ones, pass as such", () => {
    const streams = new Streams(true);
    streams.rememberReset(101);
    expect([99, 101, 103].map((id) => streams.wasResetHere(id))).toEqual([false, true, false]);
    for (let id = 201; id < 201 + 2 * 256; id += 2) {
      streams.rememberReset(id);
    }
    expect([99, 101, 103, 201].map((id) => streams.wasResetHere(id))).toEqual([true, true, false, true]);
  });
});
