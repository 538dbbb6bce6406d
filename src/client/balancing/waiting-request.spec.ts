import { createClient } from "@connectrpc/connect";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { BehaviourService } from "../../../test/behaviour/gen/behaviour/v1/behaviour_pb.js";
import { createLinkNetwork } from "../../../test/simulation/link-network.ts";
import { beginCall } from "../../../test/simulation/simulated-channel.ts";
import { createVirtualClock } from "../../../test/simulation/virtual-clock.ts";
import { openChannel } from "../channel.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] }); // by which a process is kept alive
});
afterEach(() => {
  vi.useRealTimers();
});

test("a call that has waited, and fails as it is begun, keeps the process alive no longer, nor does any after it", async () => {
  const clock = createVirtualClock();
  const network = createLinkNetwork(clock);
  await using channel = openChannel("static:///10.0.0.1:1", {}, { clock, random: () => 0.5, connect: network.connect });
  const client = createClient(BehaviourService, channel);
  const tooLarge = { headers: { "x-large": "x".repeat(20_000) } }; // the peer takes 16,384 bytes
  const failed = beginCall(clock, () => client.act({ text: "x" }, tooLarge));
  await clock.advance(10);
  expect(failed.error?.rawMessage).toContain("the peer takes header lists of 16384 bytes");
  network.backend("10.0.0.1:1").connections[0]?.link.reset();
  await clock.settle();
  const next = beginCall(clock, () => client.act({ text: "x" }));
  expect(vi.getTimerCount()).toBe(1); // it waits for another connection
  await clock.advance(1000);
  expect(next).toMatchObject({ code: undefined });
  expect(vi.getTimerCount()).toBe(0);
});
