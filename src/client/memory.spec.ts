import { Code, createClient, createConnectRouter } from "@connectrpc/connect";
import { createUniversalHandlerClient } from "@connectrpc/connect/protocol";
import { expect, test } from "vitest";
import { BehaviourService } from "../../test/behaviour/gen/behaviour/v1/behaviour_pb.js";
import { createChannel } from "./channel.ts";
import { registerMemoryTarget } from "./memory.ts";

test.each(["grpc", "connect"] as const)("by %s an upload that is broken off does not seem whole", async (protocol) => {
  const [began, ended] = [Promise.withResolvers<void>(), Promise.withResolvers<unknown>()];
  const router = createConnectRouter().service(BehaviourService, {
    async collect(tasks) {
      try {
        for await (const _task of tasks) began.resolve();
        ended.resolve("whole");
      } catch (error) {
        ended.resolve(error);
      }
      return {};
    },
  });
  using _target = registerMemoryTarget("http://collector.test", createUniversalHandlerClient(router.handlers));
  await using channel = createChannel("http://collector.test", { protocol });
  const controller = new AbortController();
  async function* tasks() {
    yield { text: "a" };
    await new Promise(() => undefined);
  }
  const call = createClient(BehaviourService, channel).collect(tasks(), { signal: controller.signal });
  await began.promise;
  controller.abort();
  await expect(call).rejects.toMatchObject({ code: Code.Canceled });
  expect(await ended.promise).toMatchObject({ code: Code.Canceled, rawMessage: "the call was broken off" });
});
