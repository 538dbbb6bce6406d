import { Code, type ConnectError } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { newRequest, openCaller, type TaskInit } from "./caller.ts";
import { FAILURE } from "./failure.ts";
import { Onward_By } from "./gen/behaviour/v1/behaviour_pb.js";
import { accessLine, callLine, type Pair, startPair } from "./services.ts";
import { wiresByKind } from "./wires.ts";

let pair: Pair;
beforeAll(async () => {
  pair = await startPair();
});
afterAll(() => pair[Symbol.asyncDispose]());

const CODES = Object.values(Code).filter((code) => typeof code === "number");
const SECRET = "the next service's own message";

/** What our caller is told of the code that the next service answered with (the contract, Errors). */
const ANSWERS: Readonly<Partial<Record<Code, readonly [Code, message: string]>>> = {
  [Code.Canceled]: [Code.Unavailable, "a service that this one calls is unavailable"],
  [Code.Unavailable]: [Code.Unavailable, "a service that this one calls is unavailable"],
  [Code.DeadlineExceeded]: [Code.DeadlineExceeded, "a service that this one calls did not answer in time"],
  [Code.ResourceExhausted]: [Code.ResourceExhausted, "a service that this one calls has no capacity left"],
};

function failingOnward(code: Code, options: { readonly by?: Onward_By; readonly wrapsError?: boolean } = {}): TaskInit {
  const task: TaskInit = { deed: { case: "failure", value: { code, message: SECRET } } };
  return { deed: { case: "onward", value: { task, ...options } } };
}

function everythingOf(error: ConnectError): string {
  return JSON.stringify([error.message, error.details, [...error.metadata]]);
}

describe.each(wiresByKind)("$kind: $name", (wire) => {
  const { kind } = wire;

  test("keeps an onward call's failure to itself, and logs it whole", async () => {
    await using caller = openCaller(wire, pair.front);
    for (const code of CODES) {
      const { requestId, header } = newRequest();
      const error = await caller.failure(kind, failingOnward(code), { header });
      const [answer, message] = ANSWERS[code] ?? [Code.Internal, "internal error"];
      expect(error).toMatchObject({ code: answer, rawMessage: message, details: [] });
      expect(everythingOf(error)).not.toContain(SECRET);
      expect(everythingOf(error)).not.toContain(FAILURE.header);
      expect(await callLine(pair.front, requestId, "an onward call failed")).toMatchObject({
        levelname: "WARN",
        onward: {
          url: `${pair.next.url}/behaviour.v1.BehaviourService/Act`,
          code: codeToString(code),
          message: SECRET,
          metadata: expect.objectContaining({ [FAILURE.header]: FAILURE.value }),
          details: [{ type: "google.rpc.BadRequest", base64: expect.any(String) }],
        },
      });
      expect(await accessLine(pair.front, requestId)).toMatchObject({ rpc_code: codeToString(answer) });
      expect(await accessLine(pair.next, requestId)).toMatchObject({ rpc_code: codeToString(code) });
    }
  });

  test("keeps the failure of an onward stream to itself", async () => {
    await using caller = openCaller(wire, pair.front);
    const error = await caller.failure(kind, failingOnward(Code.NotFound, { by: Onward_By.WATCH }));
    expect(error).toMatchObject({ code: Code.Internal, rawMessage: "internal error", details: [] });
    expect(everythingOf(error)).not.toContain(FAILURE.header);
  });

  test("passes on whole what the handler makes of an onward call's failure", async () => {
    await using caller = openCaller(wire, pair.front);
    const error = await caller.failure(kind, failingOnward(Code.NotFound, { wrapsError: true }));
    expect(error).toMatchObject({ code: Code.FailedPrecondition, rawMessage: `of our own: ${SECRET}` });
    expect(error.metadata.get(FAILURE.header)).toBe(FAILURE.value);
  });
});
