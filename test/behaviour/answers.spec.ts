import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { newRequest, openCaller } from "./caller.ts";
import { ANSWER } from "./methods.ts";
import { ALL_ENGINES, accessLine, type Behaviour, startOverAll } from "./services.ts";
import { allWires, allWiresByKind, methodOf, wiresByKind, wiresWith } from "./wires.ts";

let service: Behaviour;
beforeAll(async () => {
  service = await startOverAll({}, ALL_ENGINES);
});
afterAll(() => service[Symbol.asyncDispose]());

describe.each(wiresByKind)("$kind: $name", (wire) => {
  const { kind } = wire;

  test("answers, and has an access line", async () => {
    await using caller = openCaller(wire, service);
    const { requestId, header } = newRequest();
    const payload = Uint8Array.of(0, 255, 128);
    const { reports } = await caller.call(kind, { text: "hello", payload, count: 1 }, { header });
    expect(reports).toMatchObject([{ text: "hello", payload }]);
    const method = methodOf(wire);
    const verb = wire.name.includes("GET") ? "GET" : "POST";
    expect(await accessLine(service, requestId)).toMatchObject({
      rpc_protocol: wire.protocol,
      rpc_code: "ok",
      response_status: 200,
      remote_address: "127.0.0.1",
      first_request_line: `${verb} /behaviour.v1.BehaviourService/${method} HTTP/${wire.httpVersion}`,
    });
  });
});

describe.each(allWiresByKind)("$kind: $name", (wire) => {
  const { kind } = wire;

  test("carries every character", async () => {
    await using caller = openCaller(wire, service);
    const text = 'ünïcôde ✓ 漢字 👩‍👩‍👧 "quoted" \\ \u0000 \u2028 %41 a+b&c=d\r\n';
    expect((await caller.call(kind, { text, count: 1 })).reports).toMatchObject([{ text }]);
  });

  test("shows the handler the caller's header, and brings the header and the trailer that the handler sets", async () => {
    await using caller = openCaller(wire, service);
    const { reports, header, trailer } = await caller.call(
      kind,
      { count: 1 },
      { header: { "x-of-the-caller": "a, b", "x-of-the-caller-bin": "AAEC/w" } },
    );
    expect(reports[0]?.header).toMatchObject({ "x-of-the-caller": "a, b" });
    expect(reports[0]?.header["x-of-the-caller-bin"]).toMatch(/^AAEC\/w(==)?$/);
    expect(header.get(ANSWER.header)).toBe(ANSWER.value);
    expect(trailer.get(ANSWER.trailer)).toBe(ANSWER.value);
  });
});

describe.each(allWires.filter(({ unaryMethod }) => unaryMethod === "act"))("$name", (wire) => {
  test("takes and gives a message without any field", async () => {
    await using caller = openCaller(wire, service);
    expect(await caller.client.ping({})).toEqual({ $typeName: "behaviour.v1.Nothing" });
  });

  test("calls a method without side effects by POST as well", async () => {
    await using caller = openCaller(wire, service);
    expect(await caller.client.read({ text: "hello" })).toMatchObject({ text: "hello" });
  });
});

describe.each(wiresWith("server_streaming", allWires))("$name", (wire) => {
  test("brings the messages of a server stream in order, and none of an empty one", async () => {
    await using caller = openCaller(wire, service);
    const many = await caller.call("server_streaming", { count: 100, payload: new Uint8Array(1000).fill(7) });
    expect(many.reports.map(({ index }) => index)).toEqual(Array.from({ length: 100 }, (_, at) => at));
    expect((await caller.call("server_streaming", { count: 0 })).reports).toEqual([]);
  });

  test("brings a message of a server stream while the next is not there yet", async () => {
    await using caller = openCaller(wire, service);
    await using other = openCaller(wire, service);
    const { requestId } = newRequest();
    const reports = caller.client.watch({ count: 1, text: "first", deed: { case: "latch", value: requestId } });
    const stream = reports[Symbol.asyncIterator]();
    expect((await stream.next()).value).toMatchObject({ text: "first" });
    await other.call("unary", { deed: { case: "release", value: requestId } });
    expect((await stream.next()).done).toBe(false);
    expect((await stream.next()).done).toBe(true);
  });
});

describe.each(wiresWith("client_streaming", allWires))("$name", (wire) => {
  test("takes the messages of a client stream in order, and none of an empty one", async () => {
    await using caller = openCaller(wire, service);
    const texts = Array.from({ length: 100 }, (_, at) => String(at));
    const all = (async function* () {
      for (const text of texts) yield { text };
    })();
    expect((await caller.client.collect(all)).text).toBe(texts.join(","));
    const none = (async function* () {
      // Nothing is sent.
    })();
    expect((await caller.client.collect(none)).text).toBe("");
  });
});

describe.each(wiresWith("bidi_streaming", allWires))("$name", (wire) => {
  test("runs a bidirectional stream in both directions at once", async () => {
    await using caller = openCaller(wire, service);
    let answered = Promise.withResolvers<void>();
    const questions = (async function* () {
      for (const text of ["a", "b", "c"]) {
        yield { text };
        await answered.promise;
        answered = Promise.withResolvers<void>();
      }
    })();
    const texts: string[] = [];
    for await (const { text } of caller.client.converse(questions)) {
      texts.push(text);
      answered.resolve();
    }
    expect(texts).toEqual(["a", "b", "c"]);
  });
});

// A browser's client refuses by itself what a browser cannot do.
const halfDuplex = wiresWith("client_streaming").filter(({ httpVersion }) => httpVersion === "1.1");

describe.each(halfDuplex)("$name", (wire) => {
  test("has 505 for a bidirectional stream", async () => {
    await using caller = openCaller(wire, service);
    const { requestId, header } = newRequest();
    await caller.failure("bidi_streaming", { text: "hello" }, { header });
    expect(await accessLine(service, requestId)).toMatchObject({
      response_status: 505,
      rpc_protocol: wire.protocol,
      rpc_code: "unknown", // what HTTP's 505 means to every protocol
    });
  });
});
