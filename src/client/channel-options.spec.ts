import { Code } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { type SimulationOptions, simulateChannel } from "../../test/simulation/simulated-channel.ts";
import { fail } from "../../test/simulation/simulated-network.ts";

/** As options come together in JavaScript, where undefined is as good as nothing. */
const loosely = (options: object) => options as SimulationOptions;

test("retries whose figures are given as undefined are the default ones", async () => {
  const retry = { maxAttempts: undefined, initialBackoffMs: undefined, maxBackoffMs: undefined };
  const options = loosely({ retry: { ...retry, backoffMultiplier: undefined, retryableCodes: undefined } });
  await using simulated = simulateChannel(options);
  simulated.backends[0].onCall = fail(Code.Unavailable);
  expect(await simulated.read()).toMatchObject({ code: Code.Unavailable });
  expect(simulated.backends[0].calls).toHaveLength(3);
});

test("ejection whose figures are given as undefined is the default one", async () => {
  const ejection = { consecutiveFailures: undefined, baseMs: undefined, maxMs: undefined, maxShare: undefined };
  await using simulated = simulateChannel(loosely({ count: 2, balancing: "round_robin", ejection }));
  const { clock, channel, act, backends } = simulated;
  await act(); // both are connected
  await clock.advance(10);
  backends[0].onCall = fail(Code.Internal);
  for (let call = 0; call < 12; call++) await act();
  const isEjected = () => channel.stats().backends.some((backend) => backend.isEjected);
  await clock.advance(9900);
  expect(isEjected()).toBe(true);
  await clock.advance(200);
  expect(isEjected()).toBe(false);
  expect(channel.stats().ejectionsStarted).toBe(1);
});

test("codes to retry that are no Set are refused", () => {
  const options = loosely({ retry: { retryableCodes: [Code.Unavailable] } });
  expect(() => simulateChannel(options)).toThrow("retry.retryableCodes has to be a Set of Connect's codes");
});
