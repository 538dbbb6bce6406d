import { once } from "node:events";
import { Code } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { type FramePeer, frameServer, goAwayFrame, headFrame, PING } from "../../../test/support/frame-server.ts";
import { FLAG, FRAME, type Frame, frame } from "../../../test/support/frames.ts";
import { ask } from "../../../test/support/http-request.ts";
import { httpTarget, type TargetOptions } from "../../../test/support/http-target.ts";
import { ErrorCode } from "../../http2/index.ts";
import { createTestClock } from "../../service/test-clock.ts";

const MAX_CONCURRENT_STREAMS = 3;

const isHead = (sent: Frame) => sent.type === FRAME.headers && sent.stream === 1;
const isPing = ({ type, flags }: Frame) => type === PING && flags === 0;

/** Acknowledges what the client has to have acknowledged, and waits until it has heard of it. */
async function greet(peer: FramePeer): Promise<void> {
  peer.send(frame(FRAME.settings, FLAG.ack, 0));
  await peer.roundTrip();
}

function clientOf(url: URL, options: TargetOptions = {}) {
  const clock = createTestClock();
  const target = httpTarget(url, { clock, ...options });
  const get = async () => (await ask(target, url)).status;
  return { clock, target, get, [Symbol.dispose]: () => target.close() };
}

test("connections beside a backend's first are closed after 5 s without a call, and the first is not", async () => {
  await using server = await frameServer([[MAX_CONCURRENT_STREAMS, 1]]);
  using client = clientOf(server.url, { maxConnectionsPerBackend: 2 });
  const calls = [client.get(), client.get()];
  const peers = [await server.peer(), await server.peer()] as const;
  for (const peer of peers) {
    await peer.frame(isHead);
    peer.send(headFrame(1, true));
    await greet(peer);
  }
  expect(await Promise.all(calls)).toEqual([200, 200]);
  const states = () => client.target.connections.map(({ state }) => state);
  client.clock.advance(1000); // the ticks that find nothing under way
  client.clock.advance(4900);
  expect(states()).toEqual(["ready", "ready"]);
  client.clock.advance(200);
  await once(peers[1].socket, "end");
  expect(states()[0]).toBe("ready");
  client.clock.advance(10 * 60_000);
  expect(states()[0]).toBe("ready");
});

test("however often a peer finds that it is asked too often, it is asked after 2 h", async () => {
  const twoHoursMs = 2 * 60 * 60_000;
  await using server = await frameServer([]);
  using client = clientOf(server.url);
  for (let word = 0; word < 10; word++) {
    const failed = expect(client.get()).rejects.toMatchObject({ code: Code.Unavailable });
    const angry = await server.peer();
    await angry.frame(isHead);
    client.clock.advance(1001); // a life that is no failure
    angry.send(goAwayFrame(0, ErrorCode.ENHANCE_YOUR_CALM, "too_many_pings"));
    await failed;
  }
  const call = client.get();
  const peer = await server.peer();
  await peer.frame(isHead);
  await greet(peer);
  client.clock.advance(1000); // has heard of the peer
  client.clock.advance(twoHoursMs - 2000);
  await peer.roundTrip();
  expect(peer.frames().filter(isPing)).toEqual([]);
  client.clock.advance(1000); // has heard of it again
  client.clock.advance(twoHoursMs + 1000);
  await peer.roundTrip();
  expect(peer.frames().filter(isPing)).toHaveLength(1);
  peer.send(headFrame(1, true));
  expect(await call).toBe(200);
});

test("times that are given as undefined are the defaults", async () => {
  await using server = await frameServer();
  const none = { connectTimeoutMs: undefined, idleTimeoutMs: undefined, keepaliveMs: undefined };
  using client = clientOf(server.url, none as object); // as options come together in JavaScript
  const failed = expect(client.get()).rejects.toMatchObject({
    code: Code.Unavailable,
    rawMessage: expect.stringContaining("not connected within 5000 ms"),
  });
  await server.peer();
  client.clock.advance(5001);
  await failed;
});
