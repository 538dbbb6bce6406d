import { Code } from "@connectrpc/connect";
import { compressionBrotli, compressionGzip } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { newRequest, openCaller } from "./caller.ts";
import { accessLine, type Behaviour, startOverAll } from "./services.ts";
import { wiresByKind } from "./wires.ts";

let service: Behaviour;
beforeAll(async () => {
  service = await startOverAll();
});
afterAll(() => service[Symbol.asyncDispose]());

const LIMIT_BYTES = 4 * 1024 * 1024;
/** Room for what a message has besides its one long text, in every form. */
const FRAME_BYTES = 256;

// A GET's message is part of the head, and has the head's limit.
const bodied = wiresByKind.filter(({ unaryMethod }) => unaryMethod === "act");

describe.each(bodied)("$kind: $name", (wire) => {
  const { kind } = wire;

  test("takes a message just below 4 MiB", async () => {
    await using caller = openCaller(wire, service);
    const text = "x".repeat(LIMIT_BYTES - FRAME_BYTES);
    expect((await caller.call(kind, { text, count: 1 })).reports).toMatchObject([{ textBytes: text.length }]);
  });

  test("refuses a message over 4 MiB, and serves on", async () => {
    await using caller = openCaller(wire, service);
    const { requestId, header } = newRequest();
    const error = await caller.failure(kind, { text: "x".repeat(LIMIT_BYTES) }, { header });
    expect(error.code).toBe(Code.ResourceExhausted);
    expect(await accessLine(service, requestId)).toMatchObject({ rpc_code: "resource_exhausted" });
    expect((await caller.call(kind, { text: "small", count: 1 })).reports).toMatchObject([{ text: "small" }]);
  });
});

const compressing = bodied.filter(({ sendsCompressed }) => sendsCompressed);

describe.each(compressing)("$kind: $name", (wire) => {
  test.each([compressionGzip, compressionBrotli])(
    "takes a message that is compressed by $name",
    async (compression) => {
      await using caller = openCaller(wire, service, { sendCompression: compression });
      const { reports } = await caller.call(wire.kind, { text: "x".repeat(100_000), count: 1 });
      expect(reports).toMatchObject([{ textBytes: 100_000 }]);
      const encodings = ["content-encoding", "connect-content-encoding", "grpc-encoding"].map(
        (name) => reports[0]?.header[name],
      );
      expect(encodings).toContain(compression.name);
    },
  );

  test.each([compressionGzip, compressionBrotli])(
    "refuses what only inflates to more by $name",
    async (compression) => {
      await using caller = openCaller(wire, service, { sendCompression: compression });
      const { requestId, header } = newRequest();
      const bomb = "x".repeat(LIMIT_BYTES * 1.25);
      const error = await caller.failure(wire.kind, { text: bomb }, { header });
      expect(error.code).toBe(Code.ResourceExhausted);
      expect(await accessLine(service, requestId)).toMatchObject({ rpc_code: "resource_exhausted" });
    },
  );
});

describe.each(wiresByKind.filter(({ asksForCompression }) => asksForCompression))("$kind: $name", (wire) => {
  test("compresses a large answer for a caller that asks for it", async () => {
    await using caller = openCaller(wire, service);
    const { requestId, header } = newRequest();
    const task = { fillingBytes: 1_000_000, count: 1 };
    const answer = await caller.call(wire.kind, task, { header });
    expect(answer.reports[0]?.filling).toHaveLength(1_000_000);
    expect(Number((await accessLine(service, requestId))["response_size"])).toBeLessThan(20_000);
  });
});
