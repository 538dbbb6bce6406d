import { detached } from "portico";
import { expect, test } from "vitest";
import { newRequest, openCaller, type TaskInit } from "./caller.ts";
import { callLine, startPair } from "./services.ts";
import { wires } from "./wires.ts";

const [wire] = wires;
if (wire === undefined) throw new Error("no wire");

function leaveBehind(onward: TaskInit, failure = ""): TaskInit {
  return { deed: { case: "detached", value: { onward, failure } } };
}

test("goes on after its call was answered, with the call's id, but not its deadline", async () => {
  await using pair = await startPair();
  await using caller = openCaller(wire, pair.front);
  const { requestId, header } = newRequest();
  const task = leaveBehind({ deed: { case: "latch", value: requestId } });
  const sent = { ...header, "connect-timeout-ms": "400", authorization: "Bearer 12345", baggage: "user=ada" };
  const { reports } = await caller.call("unary", task, { header: sent });
  expect(reports[0]?.timeLeftMs).toBeLessThanOrEqual(400);
  await callLine(pair.next, requestId, `latch ${requestId}: waiting`);

  // By the time that another call's deadline has passed, so has this one's.
  const hang: TaskInit = { deed: { case: "hang", value: { ignoresSignal: true } } };
  await caller.failure("unary", hang, { header: { "connect-timeout-ms": "500" } });
  await using next = openCaller(wire, pair.next);
  await next.call("unary", { deed: { case: "release", value: requestId } });
  await callLine(pair.front, requestId, "errand: done");
});

test("logs its failure, and nobody else has it", async () => {
  await using pair = await startPair();
  await using caller = openCaller(wire, pair.front);
  const { requestId, header } = newRequest();
  const { reports } = await caller.call("unary", leaveBehind({}, "no paper left"), { header });
  expect(reports).toHaveLength(1);
  expect(await callLine(pair.front, requestId, "detached work failed: the errand")).toMatchObject({
    levelname: "ERROR",
    err: { message: "no paper left", stack: expect.stringContaining("methods.ts") },
  });
  expect((await caller.call("unary", { text: "on" })).reports).toMatchObject([{ text: "on" }]);
});

test("is waited for when the service stops", async () => {
  await using pair = await startPair();
  const { requestId, header } = newRequest();
  {
    await using caller = openCaller(wire, pair.front);
    await caller.call("unary", leaveBehind({ deed: { case: "latch", value: requestId } }), { header });
  }
  await callLine(pair.next, requestId, `latch ${requestId}: waiting`);
  const exit = pair.front.process.stop("SIGTERM");
  await pair.front.line(({ message }) => message === "action=stop, status=draining");
  await using next = openCaller(wire, pair.next);
  await next.call("unary", { deed: { case: "release", value: requestId } });
  await callLine(pair.front, requestId, "errand: done");
  expect(await exit).toBe(0);
  const messages = pair.front.lines.map(({ message }) => message);
  expect(messages.indexOf("errand: done")).toBeLessThan(messages.indexOf("action=stop, status=success"));
});

test("is refused where no service runs", () => {
  expect(() => detached("the errand", () => undefined)).toThrow(/"the errand".*outside a service/);
});
