import { createClient } from "@connectrpc/connect";
import { createChannel } from "portico";
import { expect, test } from "vitest";
import { Health, HealthCheckResponse_ServingStatus as Status } from "../../gen/health/v1/health_pb.js";
import { NAME, startProcess } from "../support/service-process.ts";
import { until } from "../support/until.ts";

test("a stop brings every answer under way to its caller, to the last frame", async () => {
  await using service = startProcess(NAME);
  const url = await service.url();
  const channels = Array.from({ length: 60 }, () => createChannel(url));
  const seen = channels.map((): Status[] => []);
  const watches = channels.map(async (channel, at) => {
    for await (const { status } of createClient(Health, channel).watch({ service: "" })) seen[at]?.push(status);
  });
  await until(() => seen.every(({ length }) => length === 1));
  expect(await service.stop()).toBe(0);
  const outcomes = await Promise.allSettled(watches);
  expect(outcomes.filter(({ status }) => status === "rejected")).toEqual([]);
  expect(seen).toEqual(channels.map(() => [Status.SERVING, Status.NOT_SERVING]));
  for (const channel of channels) await channel[Symbol.asyncDispose]();
});
