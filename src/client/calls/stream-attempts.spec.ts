import { Code } from "@connectrpc/connect";
import { expect, test } from "vitest";
import type { SimulatedCall } from "../../../test/simulation/simulated-call.ts";
import { type SimulatedChannel, simulateChannel } from "../../../test/simulation/simulated-channel.ts";
import { ANSWER, SAY_NOTHING } from "../../../test/simulation/simulated-network.ts";

/** Messages that come when the test has them come. */
function messages() {
  const waiting: (() => void)[] = [];
  let [given, isClosed] = [0, false];
  async function* all(sizes: readonly number[]) {
    try {
      for (const size of sizes) {
        given++;
        yield { text: `${given}`, payload: new Uint8Array(size) };
      }
      await new Promise<void>((resolve) => waiting.push(resolve));
    } finally {
      isClosed = true;
    }
  }
  return { all, end: () => waiting.splice(0).forEach((resolve) => void resolve()), isClosed: () => isClosed };
}

/** Begins a stream of messages, and reads its answer to the end. */
function converse({ client, begin }: SimulatedChannel, sent: AsyncIterable<{ text: string }>, texts: string[] = []) {
  return begin(async () => {
    for await (const { text } of client.converse(sent)) texts.push(text);
  });
}

const lengthOf = ({ body }: SimulatedCall) => body.length;

test("a stream that was not processed is begun again, with all that was sent", async () => {
  await using simulated = simulateChannel();
  const [backend] = simulated.backends;
  backend.answerMs = 10;
  backend.onCall = (call) => (backend.calls.length === 1 ? call.refuse() : call.after(10, () => call.answer()));
  const { all, end } = messages();
  const texts: string[] = [];
  const stream = converse(simulated, all([10, 20]), texts);
  await simulated.clock.advance(15);
  end();
  await simulated.clock.advance(20);
  expect(stream).toMatchObject({ code: undefined, settledAt: 31 });
  const [first, second] = backend.calls;
  expect(first?.body).toEqual(second?.body);
  expect(texts).toEqual(["1", "2"]);
  expect([first?.isWhole, second?.isWhole]).toEqual([false, true]);
});

test("a stream is not begun again once its answer has", async () => {
  await using simulated = simulateChannel();
  const [backend] = simulated.backends;
  backend.onCall = (call) => {
    call.head();
    call.after(10, () => call.refuse());
  };
  const { all, isClosed } = messages();
  const stream = converse(simulated, all([10]));
  await simulated.clock.advance(100);
  expect(stream).toMatchObject({ code: Code.Unavailable, settledAt: 12 });
  expect(backend.calls).toHaveLength(1);
  expect(isClosed()).toBe(false); // its producer waits for something else, and is told when it gives the next message
});

test("a stream that may have been processed is not begun again", async () => {
  await using simulated = simulateChannel();
  const [backend] = simulated.backends;
  backend.onCall = (_call, connection) => connection.lose("ECONNRESET");
  const stream = converse(simulated, messages().all([10]));
  await simulated.clock.advance(100);
  expect(stream).toMatchObject({ code: Code.Unavailable, settledAt: 2 });
  expect(backend.calls).toHaveLength(1);
});

test("a stream that has sent more than 64 KiB is not begun again", async () => {
  await using simulated = simulateChannel();
  const [backend] = simulated.backends;
  backend.onCall = (call) => (backend.calls.length === 1 ? call.refuse() : call.answer());
  const stream = converse(simulated, messages().all([30_000, 30_000, 30_000]));
  await simulated.clock.advance(100);
  expect(stream).toMatchObject({ code: Code.Unavailable, settledAt: 2 });
  expect(backend.calls.map(lengthOf)).toEqual([expect.any(Number)]);
  expect(backend.calls.map(lengthOf)[0]).toBeGreaterThan(90_000);
});

test("a stream whose connection dies ends with an error at once", async () => {
  await using simulated = simulateChannel();
  const [backend] = simulated.backends;
  backend.onCall = (call) => call.head();
  const stream = converse(simulated, messages().all([10]));
  await simulated.clock.advance(50);
  backend.connections[0]?.lose("ECONNRESET");
  await simulated.clock.settle();
  expect(stream).toMatchObject({ code: Code.Unavailable, settledAt: 50 });
  expect(stream.error?.rawMessage).toContain("ECONNRESET");
});

test("a stream that has come whole, and is not read, takes no place at its backend", async () => {
  await using simulated = simulateChannel();
  const { client, clock, channel } = simulated;
  const readers = Array.from({ length: 5 }, () => client.watch({ text: "x" })[Symbol.asyncIterator]());
  await Promise.all([clock.advance(10), ...readers.map((reader) => reader.next())]);
  expect(channel.stats()).toMatchObject({ callsActive: 5, backends: [{ callsActive: 0 }] });
  for (const reader of readers) expect(await reader.next()).toMatchObject({ done: true });
  expect(channel.stats()).toMatchObject({ callsActive: 0, backends: [{ callsActive: 0 }] });
});

test("each stream goes to a backend of its own choice", async () => {
  await using simulated = simulateChannel({ count: 2, balancing: "round_robin" });
  await simulated.act(); // both are connected
  const known = simulated.backends.map(({ calls }) => calls.length);
  for (const backend of simulated.backends) backend.onCall = SAY_NOTHING;
  const streams = Array.from({ length: 4 }, () => converse(simulated, messages().all([10])));
  await simulated.clock.advance(10);
  expect(simulated.backends.map(({ calls }, index) => calls.length - (known[index] ?? 0))).toEqual([2, 2]);
  for (const call of simulated.backends.flatMap(({ calls }) => calls)) ANSWER(call);
  await simulated.clock.settle();
  expect(streams.map(({ settledAt }) => settledAt)).toEqual([12, 12, 12, 12]);
});
