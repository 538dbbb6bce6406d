import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { newRequest, openCaller, type TaskInit } from "./caller.ts";
import { Onward_By } from "./gen/behaviour/v1/behaviour_pb.js";
import { accessLine, type Behaviour, callLine, type Pair, startOverAll, startPair } from "./services.ts";
import { type Wire, wiresByKind } from "./wires.ts";

let pair: Pair;
let hasty: Behaviour;
beforeAll(async () => {
  pair = await startPair();
  hasty = await startOverAll({ DEFAULT_DEADLINE_MS: "300" });
});
afterAll(async () => {
  await pair[Symbol.asyncDispose]();
  await hasty[Symbol.asyncDispose]();
});

const STUBBORN: TaskInit = { deed: { case: "hang", value: { ignoresSignal: true } } };

/** A time-out as the wire's protocol sends it. The client itself is told of none: it is the service that keeps time. */
function timeout(wire: Wire, value: { readonly connect: string; readonly grpc: string }): Record<string, string> {
  return wire.protocol === "connect" ? { "connect-timeout-ms": value.connect } : { "grpc-timeout": value.grpc };
}

// Concurrent, as most of these tests wait for a deadline.
// A channel reads the header that a call brings, and keeps time by itself.
const trusting = wiresByKind.filter(({ client }) => client !== "createChannel");

describe.concurrent.each(trusting)("$kind: $name", (wire) => {
  const { kind } = wire;

  test("answers at the deadline, whatever the handler does, and aborts its signal", async () => {
    await using caller = openCaller(wire, pair.front);
    const { requestId, header } = newRequest();
    const sent = { ...header, ...timeout(wire, { connect: "300", grpc: "300m" }) };
    const error = await caller.failure(kind, STUBBORN, { header: sent });
    expect(error).toMatchObject({ code: Code.DeadlineExceeded, rawMessage: "the deadline of the call has passed" });
    await callLine(pair.front, requestId, "hang: context.signal aborted with DeadlineExceeded");
    await callLine(pair.front, requestId, "hang: currentCall().signal aborted with DeadlineExceeded");
    expect(await accessLine(pair.front, requestId)).toMatchObject({ rpc_code: "deadline_exceeded" });
  });

  test("aborts the onward call at the deadline", async () => {
    await using caller = openCaller(wire, pair.front);
    const { requestId, header } = newRequest();
    const task: TaskInit = { deed: { case: "onward", value: { task: { deed: { case: "hang", value: {} } } } } };
    const sent = { ...header, ...timeout(wire, { connect: "500", grpc: "500000u" }) };
    expect((await caller.failure(kind, task, { header: sent })).code).toBe(Code.DeadlineExceeded);
    await callLine(pair.next, requestId, "hang: context.signal aborted");
    expect(["deadline_exceeded", "canceled"]).toContain((await accessLine(pair.next, requestId))["rpc_code"]);
  });

  test("does not run a handler that has no time", async () => {
    await using caller = openCaller(wire, pair.front);
    const { requestId, header } = newRequest();
    const sent = { ...header, ...timeout(wire, { connect: "0", grpc: "0m" }) };
    expect((await caller.failure(kind, STUBBORN, { header: sent })).code).toBe(Code.DeadlineExceeded);
    expect(await accessLine(pair.front, requestId)).toMatchObject({ rpc_code: "deadline_exceeded" });
    const lines = pair.front.lines.filter(({ request_id }) => request_id === requestId);
    expect(lines.map(({ message }) => message)).not.toContain("hang: begins");
  });

  test.each([
    { connect: "600001", grpc: "601S" },
    { connect: "2147483648", grpc: "2147484S" }, // past what a timer holds
    { connect: "9999999999", grpc: "99999999H" },
  ])("clamps $connect and $grpc", async (value) => {
    await using caller = openCaller(wire, pair.front);
    const { reports } = await caller.call(kind, { count: 1 }, { header: timeout(wire, value) });
    for (const left of [reports[0]?.timeoutMs, reports[0]?.timeLeftMs]) {
      expect(left).toBeGreaterThan(500_000);
      expect(left).toBeLessThanOrEqual(600_000);
    }
  });

  test.each([
    { connect: "10000000000", grpc: "100000000m" }, // a digit too many
    { connect: "abc", grpc: "abc" },
    { connect: "-1", grpc: "-1m" },
    { connect: "1.5", grpc: "15" },
  ])("refuses $connect and $grpc", async (value) => {
    await using caller = openCaller(wire, pair.front);
    const { requestId, header } = newRequest();
    const error = await caller.failure(kind, { count: 1 }, { header: { ...header, ...timeout(wire, value) } });
    expect(error.code).toBe(Code.InvalidArgument);
    expect(await accessLine(pair.front, requestId)).toMatchObject({ rpc_code: "invalid_argument" });
  });

  test(kind === "unary" ? "has a default for a call without a deadline" : "has no default for a stream", async () => {
    await using caller = openCaller(wire, hasty);
    if (kind === "unary") {
      expect((await caller.failure(kind, STUBBORN)).code).toBe(Code.DeadlineExceeded);
    } else {
      const { reports } = await caller.call(kind, { count: 1 });
      expect(reports[0]).not.toHaveProperty("timeoutMs");
      expect(reports[0]).not.toHaveProperty("timeLeftMs");
    }
  });
});

describe.concurrent.each(trusting)("$kind: $name, onward", (wire) => {
  async function onwardTimeoutMs(onward: { readonly timeoutMs?: number; readonly by?: Onward_By }, callersMs?: number) {
    await using caller = openCaller(wire, pair.front);
    const header = callersMs === undefined ? {} : timeout(wire, { connect: `${callersMs}`, grpc: `${callersMs}m` });
    const task: TaskInit = { deed: { case: "onward", value: { task: { count: 1 }, ...onward } } };
    const { reports } = await caller.call(wire.kind, task, { header });
    return reports.at(-1)?.onward?.timeoutMs ?? Number.POSITIVE_INFINITY;
  }

  test("gives an onward call the least of its own time-out, the channel's, and what is left", async () => {
    expect(await onwardTimeoutMs({ timeoutMs: 60_000 }, 30_000)).toBeLessThanOrEqual(30_000);
    expect(await onwardTimeoutMs({ timeoutMs: 20_000 }, 30_000)).toBeLessThanOrEqual(20_000);
    expect(await onwardTimeoutMs({ timeoutMs: 40_000 }, 90_000)).toBeGreaterThan(30_000);
    expect(await onwardTimeoutMs({}, 90_000)).toBeLessThanOrEqual(10_000);
    expect(await onwardTimeoutMs({ by: Onward_By.WATCH }, 30_000)).toBeLessThanOrEqual(30_000);
  });
});

describe.concurrent.each(trusting.filter(({ kind }) => kind === "server_streaming"))("$name", (wire) => {
  test("ends a stream at the deadline between its messages, and has the handler clean up in its call", async () => {
    await using caller = openCaller(wire, pair.front);
    const { requestId, header } = newRequest();
    const sent = { ...header, ...timeout(wire, { connect: "300", grpc: "300m" }) };
    const stream = caller.client.watch({ count: 1_000_000 }, { headers: sent });
    let messages = 0;
    const read = async () => {
      for await (const _report of stream) messages++;
    };
    await expect(read()).rejects.toMatchObject({ code: Code.DeadlineExceeded });
    expect(messages).toBeGreaterThan(0);
    await callLine(pair.front, requestId, "watch: cleaned up");
    expect(await accessLine(pair.front, requestId)).toMatchObject({ rpc_code: "deadline_exceeded" });
  });
});
