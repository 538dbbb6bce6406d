import { describe, expect, test } from "vitest";
import { envelope } from "../../src/wire/envelope.ts";
import { openArena } from "./arena.ts";
import { rpcFuzz } from "./fuzz-rpc.ts";
import type { RawRequest } from "./raw-client.ts";

// The same requests every time, so that a change that breaks nothing breaks no test; `npm run fuzz` tries others.
const SEED = Number(process.env["DIFFERENTIAL_SEED"] ?? 1);
const RUNS = Number(process.env["DIFFERENTIAL_RUNS"] ?? 1000);
const BOX_MS = RUNS * 200;

describe("random requests, right and wrong", () => {
  test.each(rpcFuzz)(
    "lead to the same by every path, but for what is justified: $name",
    { timeout: BOX_MS * 2 },
    async (target) => {
      const { runs, failure } = await target.run(SEED, BOX_MS, RUNS);
      expect(failure, `npm run fuzz -- --minutes 1 --seed ${SEED}`).toBeUndefined();
      expect(runs).toBe(RUNS);
    },
  );
});

/** A call that streams its answer over HTTP/1.1. */
function told(wish: object): RawRequest {
  return {
    version: "1.1",
    method: "POST",
    target: "/differential.v1.DifferentialService/Tell",
    fields: [["content-type", "application/grpc-web+json"]],
    chunks: [Buffer.from(envelope(0, Buffer.from(JSON.stringify(wish))))],
  };
}

test.each<[title: string, request: RawRequest]>([
  [
    "a handler that announces trailers and fails",
    told({ failure: { code: 1, message: "it failed" }, headers: [{ name: "trailer", value: "1" }] }),
  ],
])("what was found once leads to the same: %s", async (_title, request) => {
  await using arena = await openArena(false);
  expect(await arena.compare([request])).toBeUndefined();
});
