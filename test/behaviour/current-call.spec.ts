import { currentCall } from "portico";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { newRequest, openCaller } from "./caller.ts";
import { accessLine, type Behaviour, callLine, type Pair, startPair } from "./services.ts";
import { SIGNATURES } from "./sign.ts";
import { methodOf, wiresByKind, wiresWith } from "./wires.ts";

let pair: Pair;
let service: Behaviour;
beforeAll(async () => {
  pair = await startPair();
  service = pair.front;
});
afterAll(() => pair[Symbol.asyncDispose]());

/** The interceptors of the suite's service, in the order in which it lists them, as far as each method has them. */
const INTERCEPTORS = {
  Act: ["first", "act", "service", "last"],
  Read: ["first", "service", "last"],
  Watch: ["first", "watch-or-collect", "service", "last"],
  Collect: ["first", "watch-or-collect", "service", "last"],
  Converse: ["first", "service", "last"],
};

describe.each(wiresByKind)("$kind: $name", (wire) => {
  const { kind } = wire;
  const method = methodOf(wire);

  test("keeps the call after every await and yield, while others run", async () => {
    await using caller = openCaller(wire, service);
    const calls = Array.from({ length: 8 }, async () => {
      const { requestId, header } = newRequest();
      const task = { count: 5, deed: { case: "onward", value: { task: {} } } } as const;
      const { reports } = await caller.call(kind, task, { header });
      const seen = reports.flatMap(({ requestIds }) => requestIds);
      expect(seen.length).toBeGreaterThanOrEqual(3);
      expect(new Set(seen)).toEqual(new Set([requestId]));
      if (kind === "server_streaming") await callLine(service, requestId, "watch: cleaned up");
      await accessLine(service, requestId);
    });
    await Promise.all(calls);
  });

  test("takes a call through the interceptors in their order, out in the reverse, and each within the call", async () => {
    await using caller = openCaller(wire, service);
    const { requestId, header } = newRequest();
    const answer = await caller.call(kind, { count: 1 }, { header });
    const signed = INTERCEPTORS[method].map((name) => `${name}=${requestId}`);
    expect(answer.reports[0]?.header[SIGNATURES.request]).toBe(signed.join(", "));
    expect(answer.header.get(SIGNATURES.response)).toBe(signed.reverse().join(", "));
  });
});

describe.each(wiresWith("bidi_streaming"))("$name", (wire) => {
  test("keeps the call through a stream in both directions", async () => {
    await using caller = openCaller(wire, service);
    const { requestId, header } = newRequest();
    let answered = Promise.withResolvers<void>();
    const tasks = (async function* () {
      for (const text of ["a", "b", "c"]) {
        yield { text };
        await answered.promise;
        answered = Promise.withResolvers<void>();
      }
    })();
    for await (const { requestIds } of caller.client.converse(tasks, { headers: header })) {
      expect(new Set(requestIds)).toEqual(new Set([requestId]));
      answered.resolve();
    }
    for (const text of ["a", "b", "c"]) {
      await callLine(service, requestId, `converse: after the answer to ${text}`);
    }
  });
});

test("says what to do where there is no call", () => {
  expect(() => currentCall()).toThrow(/outside a call.*detached\(.*inCall\(.*portico\/testing/);
});
