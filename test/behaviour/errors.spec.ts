import { Code, type ConnectError } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BadRequestSchema } from "../../gen/google/rpc/error_details_pb.js";

import { newRequest, openCaller, type TaskInit } from "./caller.ts";
import { FAILURE, HALF_A_CHARACTER } from "./failure.ts";
import { ALL_ENGINES, accessLine, type Behaviour, callLine, startOverAll } from "./services.ts";
import { allWires, allWiresByKind, wiresByKind, wiresWith } from "./wires.ts";

let service: Behaviour;
beforeAll(async () => {
  service = await startOverAll({}, ALL_ENGINES);
});
afterAll(() => service[Symbol.asyncDispose]());

const CODES = Object.values(Code).filter((code) => typeof code === "number");
const MESSAGE = 'naïve ✓ 100% of it, "quoted"\nin two lines';

function failWith(failure: {
  readonly code?: Code;
  readonly errorName?: string;
  readonly message: string;
}): TaskInit & object {
  return { deed: { case: "failure", value: failure } };
}

/** What went with an error that the service made by failure.ts. */
function companionsOf(error: ConnectError) {
  return {
    header: error.metadata.get(FAILURE.header),
    binary: error.metadata.get(FAILURE.binaryHeader)?.replace(/=+$/, ""),
    violations: error
      .findDetails(BadRequestSchema)
      .flatMap(({ fieldViolations }) => fieldViolations)
      .map(({ field, description }) => ({ field, description })),
  };
}

const WHOLE = {
  header: FAILURE.value,
  binary: FAILURE.binaryValue,
  violations: [{ field: FAILURE.field, description: FAILURE.description }],
};
const BARE = { header: null, binary: undefined, violations: [] };

describe.each(allWiresByKind)("$kind: $name", (wire) => {
  const { kind } = wire;

  test("brings a ConnectError of the handler's whole, whatever its code", async () => {
    await using caller = openCaller(wire, service);
    for (const code of CODES) {
      const { requestId, header } = newRequest();
      const error = await caller.failure(kind, failWith({ code, message: MESSAGE }), { header });
      expect(error).toMatchObject({ code, rawMessage: MESSAGE });
      expect(companionsOf(error)).toEqual(WHOLE);
      if (wire.engine !== "connect-node") {
        expect(await accessLine(service, requestId)).toMatchObject({
          rpc_code: codeToString(code),
          rpc_protocol: wire.protocol,
        });
      }
    }
  });
});

describe.each(wiresByKind)("$kind: $name", (wire) => {
  const { kind } = wire;

  test("brings an error whose message ends within a character", async () => {
    await using caller = openCaller(wire, service);
    const error = await caller.failure(kind, failWith({ code: Code.NotFound, message: `cut: ${HALF_A_CHARACTER}` }));
    expect(error).toMatchObject({ code: Code.NotFound, rawMessage: "cut: \ufffd" });
    expect(companionsOf(error)).toEqual(WHOLE);
  });

  test.each(["Error", "TimeoutError", "AbortError"])(
    "answers a thrown %s as internal, and logs it",
    async (errorName) => {
      await using caller = openCaller(wire, service);
      const { requestId, header } = newRequest();
      const error = await caller.failure(kind, failWith({ errorName, message: "the password is swordfish" }), {
        header,
      });
      expect(error).toMatchObject({ code: Code.Internal, rawMessage: "internal error" });
      expect(companionsOf(error)).toEqual(BARE);
      expect(JSON.stringify([...error.metadata])).not.toContain("swordfish");
      expect(await callLine(service, requestId, "answered internal")).toMatchObject({
        levelname: "ERROR",
        err: {
          type: errorName,
          message: "the password is swordfish",
          stack: expect.stringContaining("test/behaviour/failure.ts"),
        },
      });
      expect(await accessLine(service, requestId)).toMatchObject({ rpc_code: "internal" });
    },
  );
});

describe.each(wiresWith("server_streaming", allWires))("$name", (wire) => {
  test("brings the messages of a stream before the error that ends it", async () => {
    await using caller = openCaller(wire, service);
    const texts: string[] = [];
    const read = async () => {
      const task = { ...failWith({ code: Code.DataLoss, message: MESSAGE }), text: "before", count: 2 };
      for await (const { text } of caller.client.watch(task)) texts.push(text);
    };
    await expect(read()).rejects.toMatchObject({ code: Code.DataLoss, rawMessage: MESSAGE });
    expect(texts).toEqual(["before", "before"]);
  });
});
