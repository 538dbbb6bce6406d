import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { newRequest, openCaller, type TaskInit } from "./caller.ts";
import { Onward_By } from "./gen/behaviour/v1/behaviour_pb.js";
import { accessLine, callLine, type Pair, startPair } from "./services.ts";
import { wiresByKind, wiresWith } from "./wires.ts";

let pair: Pair;
beforeAll(async () => {
  pair = await startPair();
});
afterAll(() => pair[Symbol.asyncDispose]());

const HANG: TaskInit = { deed: { case: "hang", value: {} } };

describe.each(wiresByKind)("$kind: $name", (wire) => {
  test("aborts the handler's signal when the caller goes away", async () => {
    await using caller = openCaller(wire, pair.front);
    const { requestId, header } = newRequest();
    const leaving = new AbortController();
    const failure = caller.failure(wire.kind, HANG, { header, signal: leaving.signal });
    await callLine(pair.front, requestId, "hang: begins");
    leaving.abort();
    expect((await failure).code).toBe(Code.Canceled);
    await callLine(pair.front, requestId, "hang: context.signal aborted with Canceled");
    await callLine(pair.front, requestId, "hang: currentCall().signal aborted with Canceled");
    expect(await accessLine(pair.front, requestId)).toMatchObject({ rpc_code: "canceled", aborted: true });
  });

  test.each([Onward_By.UNSPECIFIED, Onward_By.WATCH])("aborts the onward call as well (%i)", async (by) => {
    await using caller = openCaller(wire, pair.front);
    const { requestId, header } = newRequest();
    const leaving = new AbortController();
    const task: TaskInit = { deed: { case: "onward", value: { task: HANG, by } } };
    const failure = caller.failure(wire.kind, task, { header, signal: leaving.signal });
    await callLine(pair.next, requestId, "hang: begins");
    leaving.abort();
    expect((await failure).code).toBe(Code.Canceled);
    await callLine(pair.next, requestId, "hang: context.signal aborted with Canceled");
    expect(await accessLine(pair.next, requestId)).toMatchObject({ rpc_code: "canceled", aborted: true });
  });
});

describe.each(wiresWith("server_streaming"))("$name", (wire) => {
  test("has a stream's handler clean up, in its call, when the caller goes away between two messages", async () => {
    await using caller = openCaller(wire, pair.front);
    const { requestId, header } = newRequest();
    const leaving = new AbortController();
    // Over HTTP/1.1 more than fits on the way, so that the handler stands at a yield. Not so over HTTP/2: node:http2 sends
    // the reset of a stream only with the next bytes that it reads, and none come once the window is full.
    const fillingBytes = wire.httpVersion === "1.1" ? 10_000 : 0;
    const task: TaskInit = { count: 1_000_000, fillingBytes, text: "more" };
    const stream = caller.client.watch(task, { headers: header, signal: leaving.signal })[Symbol.asyncIterator]();
    expect((await stream.next()).value).toMatchObject({ text: "more" });
    leaving.abort();
    await callLine(pair.front, requestId, "watch: cleaned up");
    expect(await accessLine(pair.front, requestId)).toMatchObject({ rpc_code: "canceled", aborted: true });
  });
});
