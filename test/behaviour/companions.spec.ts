import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { newRequest, openCaller, type TaskInit } from "./caller.ts";
import { accessLine, callLine, type Pair, startPair } from "./services.ts";
import { wiresByKind } from "./wires.ts";

let pair: Pair;
let frank: Pair;
beforeAll(async () => {
  pair = await startPair({ PROPAGATE_HEADERS: "x-tenant, X-Region" });
  frank = await startPair({ PROPAGATE_HEADERS: "authorization" });
});
afterAll(async () => {
  await pair[Symbol.asyncDispose]();
  await frank[Symbol.asyncDispose]();
});

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const ONWARD: TaskInit = { count: 1, deed: { case: "onward", value: { task: {} } } };
const COMPANIONS = {
  traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  tracestate: "vendor=1",
  baggage: "user=ada",
  "x-tenant": "t1",
  "x-region": "eu",
};

describe.each(wiresByKind)("$kind: $name", (wire) => {
  const { kind } = wire;

  test("keeps an acceptable request id on the answer, on every line, and onward", async () => {
    await using caller = openCaller(wire, pair.front);
    const requestId = `${"a".repeat(64)}.B-9_:${newRequest().requestId}`.padEnd(128, "z");
    const { header, reports } = await caller.call(kind, ONWARD, { header: { "x-request-id": requestId } });
    expect(header.get("x-request-id")).toBe(requestId);
    expect(reports.at(-1)?.onward?.header["x-request-id"]).toBe(requestId);
    await accessLine(pair.front, requestId);
    await accessLine(pair.next, requestId);
  });

  test("has the request id on an error, and on the line about it", async () => {
    await using caller = openCaller(wire, pair.front);
    const { requestId, header } = newRequest();
    const failure: TaskInit = { deed: { case: "failure", value: { errorName: "Error", message: "oops" } } };
    const error = await caller.failure(kind, failure, { header });
    expect(error.code).toBe(Code.Internal);
    // Connect's clients put the head of a unary answer into its error, grpc-js does not; of a stream, nobody does.
    if (kind === "unary" && wire.client !== "grpc-js") expect(error.metadata.get("x-request-id")).toBe(requestId);
    await callLine(pair.front, requestId, "answered internal");
  });

  test("takes the article's request_id, where there is no x-request-id", async () => {
    await using caller = openCaller(wire, pair.front);
    const article = newRequest().requestId;
    const answer = await caller.call(kind, ONWARD, { header: { request_id: article } });
    expect(answer.header.get("x-request-id")).toBe(article);
    const both = newRequest().requestId;
    const other = await caller.call(kind, ONWARD, { header: { request_id: article, "x-request-id": both } });
    expect(other.header.get("x-request-id")).toBe(both);
  });

  test.each(["", "a".repeat(129), "a b", "a/b", "a, b", '"quoted"', "<b>"])("replaces %j by a UUID", async (bad) => {
    await using caller = openCaller(wire, pair.front);
    const { header } = await caller.call(kind, { count: 1 }, { header: { "x-request-id": bad } });
    const given = header.get("x-request-id") ?? "";
    expect(given).toMatch(UUID);
    await accessLine(pair.front, given);
  });

  test("gives a call without a request id a new one, another each time", async () => {
    await using caller = openCaller(wire, pair.front);
    const first = await caller.call(kind, ONWARD);
    const second = await caller.call(kind, ONWARD);
    expect(first.header.get("x-request-id")).toMatch(UUID);
    expect(second.header.get("x-request-id")).toMatch(UUID);
    expect(second.header.get("x-request-id")).not.toBe(first.header.get("x-request-id"));
  });

  test("has trace context and listed fields travel on, and nothing else", async () => {
    await using caller = openCaller(wire, pair.front);
    const header = { ...COMPANIONS, authorization: "Bearer open-sesame", cookie: "a=open-sesame", "x-other": "stays" };
    const onward = (await caller.call(kind, ONWARD, { header })).reports.at(-1)?.onward?.header;
    expect(onward).toMatchObject(COMPANIONS);
    expect(Object.keys(onward ?? {})).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/^(authorization|cookie|x-other)/)]),
    );
    expect(JSON.stringify(pair.front.lines)).not.toContain("sesame");
  });

  test("has authorization travel on where it is listed, and not into the log", async () => {
    await using caller = openCaller(wire, frank.front);
    const { reports } = await caller.call(kind, ONWARD, {
      header: { authorization: "Bearer open-barley", "x-tenant": "t1" },
    });
    expect(reports.at(-1)?.onward?.header).toMatchObject({ authorization: "Bearer open-barley" });
    expect(reports.at(-1)?.onward?.header).not.toHaveProperty("x-tenant");
    expect(JSON.stringify([frank.front.lines, frank.next.lines])).not.toContain("barley");
  });
});
